// An answer as elements: its text, what is known of it, and what it rests on.

import { freshId, make } from "./dom.js";
import { difference } from "./diff.js";
import { drawSpectrogram, RATE } from "./sound.js";

const MOST_CLASSES = 5;
const percent = (share) => `${(100 * share).toFixed(share > 0.1 ? 0 : 1)}%`;

/**
 * Return the elements of an answer in the format of `Answer.plain()`. `asked`: {text, image, samples}; `correct`: the
 * text was to be corrected; `short`: answers of a few words are set large.
 */
export const answerElements = (answer, asked) => [
  textOf(answer, asked),
  confidenceOf(answer),
  setOf(answer),
  probabilitiesOf(answer),
  contributionsOf(answer),
  ...Object.entries(answer.highlights ?? {}).map(([name, highlight]) => highlightOf(name, highlight, asked)),
  sourcesOf(answer),
  detailsOf(answer),
].filter(Boolean);

const textOf = (answer, asked) => {
  if (answer.sources?.[0]?.text === answer.text) return null; // passages found: the first is the answer
  const known = answer.known !== false;
  if (asked.correct && known) return correctionOf(asked.text, answer.text);
  const short = asked.short && answer.text.length <= 60;
  return make("p", { class: `text ${short ? "short" : "long"} ${known ? "" : "unknown"}`, dir: "auto" }, answer.text);
};

const correctionOf = (before, after) => {
  const parts = difference(before, after);
  const changed = parts.filter(({ kind }) => kind !== "same").length;
  const marks = { removed: "del", added: "ins" };
  return make("div", {},
    make("p", { class: "text long diff", dir: "auto" },
      parts.map(({ kind, text }) => (kind === "same" ? text : make(marks[kind], {}, text)))),
    make("p", { class: "note" }, changed ? "Removed words are struck out, new words underlined." : "Nothing is changed."));
};

const confidenceOf = ({ confidence, known }) => {
  if (confidence === undefined) return null;
  const words = known === false ? "Best answer's probability" : "Probability";
  const row = make("p", { class: "confidence" }, make("span", {}, words), " ", make("b", {}, percent(confidence)));
  return make("div", {}, row, bar(confidence, "wide"));
};

const setOf = ({ answer_set: set, coverage }) => {
  if (set === undefined) return null;
  const held = coverage === undefined ? "" : `, of which one is right in ${percent(coverage)} of cases`;
  return make("p", { class: "note" }, `Answers that cannot be ruled out${held}: `,
    make("span", { class: "ink", dir: "auto" }, set.length ? set.join(", ") : "none"));
};

/** A bar for a share in [0, 1]; what it shows stands beside it in words. */
const bar = (share, kind = "") => {
  const filled = make("span", { class: "amount" });
  filled.style.width = `${100 * Math.max(0, Math.min(1, share))}%`;
  return make("span", { class: `track ${kind}`, "aria-hidden": "true" }, filled);
};

const probabilitiesOf = ({ probabilities }) => {
  if (!probabilities) return null;
  const all = Object.entries(probabilities).sort(([, a], [, b]) => b - a);
  const rows = all.map(([name, share]) =>
    make("li", {}, make("span", { class: "name", dir: "auto" }, name), bar(share), make("span", { class: "value" }, percent(share))));
  const rest = rows.slice(MOST_CLASSES);
  return make("div", {}, make("h4", {}, "Probabilities"), make("ul", { class: "bars" }, rows.slice(0, MOST_CLASSES)),
    rest.length ? make("details", {}, make("summary", {}, `${rest.length} more`), make("ul", { class: "bars" }, rest)) : null);
};

/** Each modality's Shapley value for the probability of the answer: to the right of the middle for it, to the left against. */
const contributionsOf = ({ contributions }) => {
  if (!contributions) return null;
  const most = Math.max(1e-9, ...Object.values(contributions).map(Math.abs));
  const rows = Object.entries(contributions).map(([name, value]) => {
    const filled = make("span", { class: value < 0 ? "amount against" : "amount" });
    filled.style.width = `${(50 * Math.abs(value)) / most}%`;
    const sign = value < 0 ? "−" : "+";
    return make("li", {}, make("span", { class: "name" }, name),
      make("span", { class: "track two", "aria-hidden": "true" }, filled),
      make("span", { class: "value" }, `${sign}${Math.abs(value).toFixed(2)}`));
  });
  return make("div", {}, make("h4", {}, "What each input adds to the probability"), make("ul", { class: "bars" }, rows));
};

const highlightOf = (name, highlight, asked) => {
  const draw = { image: pictureOf, audio: soundOf, text: wordsOf }[highlight.kind];
  const body = highlight.weights.length ? draw?.(highlight, asked) : null;
  return body ? make("figure", {}, make("figcaption", {}, `Looked at in ${name}`), body) : null;
};

const SIDE = 320;

/** The picture as models read it, in a square on black bars, dimmed where the weight is small. */
const pictureOf = ({ shape: [rows, columns], weights }, { image }) => {
  if (!image) return null;
  const canvas = make("canvas", { width: SIDE, height: SIDE, class: "picture", role: "img", "aria-label": placeOf(rows, columns, weights) });
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
  const strong = (row, column) => row >= 0 && column >= 0 && row < rows && column < columns && weights[row * columns + column] > most / 2;
  for (let row = 0; row <= rows; row++) {
    for (let column = 0; column <= columns; column++) {
      if (column < columns && strong(row, column) !== strong(row - 1, column)) line(context, x(column), y(row), x(column + 1), y(row));
      if (row < rows && strong(row, column) !== strong(row, column - 1)) line(context, x(column), y(row), x(column), y(row + 1));
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
  const canvas = make("canvas", { width: 480, height: 144, class: "spectrogram", role: "img", "aria-label": `Most weight: ${from} to ${to} seconds` });
  drawSpectrogram(canvas, samples);
  shade(canvas.getContext("2d"), 1, frames, weights);
  return make("div", {}, canvas, make("p", { class: "axis", "aria-hidden": "true" }, make("span", {}, "0 s"), make("span", {}, `${seconds.toFixed(1)} s`)));
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

/** Return text before, inside and after characters start..end, counted in code points as the server does. */
export const spanOf = (text, start, end) => {
  const points = Array.from(text);
  return [points.slice(0, start), points.slice(start, end), points.slice(end)].map((part) => part.join(""));
};

const sourcesOf = ({ sources }) => {
  if (!sources?.length) return null;
  return make("div", {}, make("h4", {}, headingOf(sources)), make("div", { class: "sources" }, sources.map(sourceOf)));
};

const headingOf = (sources) => (sources[0].kind === "path" ? "Path through the graph" : sources.length === 1 ? "Source" : "Sources");

/** A passage with the answer marked, or the steps of a path; all but the first are folded. */
const sourceOf = (source, index) => {
  const score = source.score === undefined || source.score === null ? null : make("span", { class: "value" }, source.score.toFixed(2));
  const marked = typeof source.start === "number" && typeof source.end === "number";
  const [before, inside, after] = marked ? spanOf(source.text, source.start, source.end) : [source.text, "", ""];
  return make("details", { open: index === 0 },
    make("summary", {}, `${index + 1}. ${source.title || source.id} `, score),
    make("p", { class: source.kind === "path" ? "path" : "passage", dir: "auto" }, before, marked ? make("mark", {}, inside) : null, after),
    source.details?.sparql ? make("pre", { tabindex: "0", role: "region", "aria-label": "Query" }, source.details.sparql) : null);
};

const detailsOf = ({ details }) => {
  if (!details || !Object.keys(details).length) return null;
  const id = freshId("details");
  return make("details", {}, make("summary", { id }, "Details"),
    make("pre", { tabindex: "0", role: "region", "aria-labelledby": id }, JSON.stringify(details, null, 1)));
};
