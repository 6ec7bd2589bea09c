// Weights of patches over a picture, of frames over a spectrogram, and of words in a text.

import { make } from "./dom.js";
import { drawSpectrogram, RATE } from "./sound.js";

/** Return the figures of an answer's highlights. `asked`: {image, samples}, what was asked about. */
export const highlightElements = ({ highlights, details }, asked) => {
  const figures = Object.entries(highlights ?? {})
    .map(([name, highlight]) => highlightOf(name, highlight, asked)).filter(Boolean);
  const method = details?.highlights;
  return method && figures.length ? [...figures, make("p", { class: "note" }, `Weights: ${method}.`)] : figures;
};

const highlightOf = (name, highlight, asked) => {
  const draw = { image: pictureOf, audio: soundOf, video: framesOf, text: wordsOf }[highlight.kind];
  const body = highlight.weights.length ? draw?.(highlight, asked) : null;
  return body ? make("figure", {}, make("figcaption", {}, `What counted: ${name}`), body) : null;
};

const SIDE = 320;

/** The picture as models read it, in a square on black bars, dimmed where the weight is small. */
const pictureOf = ({ shape: [rows, columns], weights }, { image }) => {
  if (!image) return null;
  const label = placeOf(rows, columns, weights);
  const canvas = make("canvas", { width: SIDE, height: SIDE, class: "picture", role: "img", "aria-label": label });
  const draw = () => {
    const context = canvas.getContext("2d"), scale = SIDE / Math.max(image.naturalWidth, image.naturalHeight);
    const width = image.naturalWidth * scale, height = image.naturalHeight * scale;
    context.imageSmoothingEnabled = image.naturalWidth > 128;
    context.fillRect(0, 0, SIDE, SIDE);
    context.drawImage(image, (SIDE - width) / 2, (SIDE - height) / 2, width, height);
    shade(context, rows, columns, weights);
  };
  if (image.complete) draw();
  else image.addEventListener("load", draw, { once: true });
  return canvas;
};

const shade = (context, rows, columns, weights) => {
  const { width, height } = context.canvas, most = Math.max(1e-9, ...weights);
  const x = (column) => Math.round((column * width) / columns), y = (row) => Math.round((row * height) / rows);
  weights.forEach((weight, index) => {
    const row = Math.floor(index / columns), column = index % columns;
    context.fillStyle = `rgb(10 12 16 / ${0.66 * (1 - Math.max(0, weight) / most)})`;
    context.fillRect(x(column), y(row), x(column + 1) - x(column), y(row + 1) - y(row));
  });
  context.strokeStyle = "#ffd24a";
  context.lineWidth = 3;
  context.beginPath();
  const inside = (row, column) => row >= 0 && column >= 0 && row < rows && column < columns;
  const strong = (row, column) => inside(row, column) && weights[row * columns + column] > most / 2;
  for (let row = 0; row <= rows; row++) {
    for (let column = 0; column <= columns; column++) {
      const here = strong(row, column);
      if (here !== strong(row - 1, column)) line(context, x(column), y(row), x(column + 1), y(row));
      if (here !== strong(row, column - 1)) line(context, x(column), y(row), x(column), y(row + 1));
    }
  }
  context.stroke();
};

const line = (context, x, y, toX, toY) => { context.moveTo(x, y); context.lineTo(toX, toY); };

const placeOf = (rows, columns, weights) => {
  const top = weights.indexOf(Math.max(...weights));
  return `Most weight: row ${Math.floor(top / columns) + 1} of ${rows}, column ${(top % columns) + 1} of ${columns}`;
};

/** The spectrogram dimmed where the weight is small. */
const soundOf = ({ shape: [frames], weights }, { samples }) => {
  if (!samples) return null;
  const seconds = samples.length / RATE, top = weights.indexOf(Math.max(...weights));
  const [from, to] = [top, top + 1].map((frame) => ((frame * seconds) / frames).toFixed(2));
  const label = `Most weight: ${from} to ${to} seconds`;
  const canvas = make("canvas", { width: 480, height: 144, class: "spectrogram", role: "img", "aria-label": label });
  drawSpectrogram(canvas, samples);
  shade(canvas.getContext("2d"), 1, frames, weights);
  const ends = ["0 s", `${seconds.toFixed(1)} s`].map((words) => make("span", {}, words));
  return make("div", {}, canvas, make("p", { class: "axis", "aria-hidden": "true" }, ends));
};

/** A bar for each frame of a video. */
const framesOf = ({ weights }) => {
  const most = Math.max(1e-9, ...weights), top = weights.indexOf(Math.max(...weights));
  const bars = weights.map((weight) => {
    const bar = make("span", { class: "amount" });
    bar.style.height = `${Math.round((100 * Math.max(0, weight)) / most)}%`;
    return bar;
  });
  const label = `Most weight: frame ${top + 1} of ${weights.length}`;
  return make("div", { class: "frames", role: "img", "aria-label": label }, bars);
};

const wordsOf = ({ weights, labels }) => {
  const most = Math.max(1e-9, ...weights);
  const top = labels[weights.indexOf(Math.max(...weights))];
  const words = labels.map((label, index) => {
    const weight = Math.max(0, weights[index]) / most;
    const word = make("span", { class: weight > 0.5 ? "word strong" : "word" }, label);
    word.style.setProperty("--weight", `${Math.round(45 * weight)}%`);
    return word;
  });
  return make("div", {}, make("p", { class: "words", dir: "auto" }, words.flatMap((word) => [word, " "])),
    make("p", { class: "spoken" }, `Most weight: ${top}`));
};
