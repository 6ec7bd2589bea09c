// Answers of several models side by side, each in a card.

import { answerElements } from "./answer.js";
import { hasSentences, translateText } from "./documents.js";
import { announce, make } from "./dom.js";
import { namesOf } from "./models.js";
import { letter, ratingElement } from "./rating.js";
import { complete, stream } from "./wire.js";

const MEDIA = ["image", "audio", "video"];
const SHORT = ["ask", "look-up"]; // tasks whose answers are a few words

/** Ask models. Returns `element`, in which a card fills as each answers, and `done`, which settles with the last. */
export const answerCards = (task, models, asked, signal) => {
  const cards = models.map((model, index) => cardOf(model, models.length > 1 ? letter(index) : null));
  const element = make("div", {}, make("div", { class: "cards" }, cards.map((card) => card.element)));
  const asking = models.map((model, index) => answerOf(task, model, asked, cards[index], signal));
  const done = Promise.all(asking).then((texts) => {
    const all = models.map(({ name }, index) => ({ model: name, text: texts[index] }));
    const answers = all.filter(({ text }) => text !== null);
    if (answers.length > 1) element.append(ratingElement(questionOf(asked), answers));
    announce(answers.map(({ model, text }) => `${model}: ${text.slice(0, 200)}`).join(". ") || "There is no answer.");
  });
  return { element, done };
};

const cardOf = (model, mark) => {
  const body = make("div", { class: "body" }, make("p", { class: "waiting" }, "Waiting …"));
  const time = make("span", { class: "value" });
  const element = make("article", { class: "card answer", "aria-busy": "true" },
    make("h3", {}, mark ? make("b", { class: "letter" }, mark) : null, make("span", {}, model.name), time), body);
  return { element, body, time };
};

/** Ask a model and fill its card. Returns the text of its answer, null if there is none. */
const answerOf = async (task, model, asked, card, signal) => {
  const began = performance.now();
  try {
    const { body, left } = requestOf(model, asked);
    const found = await answered(task, model, asked, body, card, signal);
    const shown = { ...shownOf(asked), correct: task.id === "correct", short: SHORT.includes(task.id) };
    card.body.replaceChildren(...answerElements(found, shown));
    const unasked = `Not asked with the ${left.join(" and ")}, which it does not take.`;
    if (left.length) card.body.append(make("p", { class: "note" }, unasked));
    const copied = !SHORT.includes(task.id) && navigator.clipboard;
    if (copied) card.body.append(make("div", { class: "row" }, copyButton(found.text)));
    card.time.textContent = `${((performance.now() - began) / 1000).toFixed(2)} s`;
    return found.text;
  } catch (error) {
    card.body.replaceChildren(make("p", { class: "error" }, error.name === "AbortError" ? "Stopped." : error.message));
    return null;
  } finally {
    card.element.setAttribute("aria-busy", "false");
  }
};

const copyButton = (text) => {
  const button = make("button", { type: "button", onclick: async () => {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
    announce("Copied.");
  } }, "Copy");
  return button;
};

const answered = (task, model, asked, body, card, signal) => {
  if (task.id === "translate" && hasSentences(asked.text)) return translateText(model, asked.text, asked.tag, signal);
  // A stream tells nothing of an answer but its text.
  return task.id === "continue" && model.streams ? streamed(body, card, signal) : complete(body, signal);
};

const streamed = (body, card, signal) => {
  const text = make("p", { class: "text long", dir: "auto" });
  card.body.replaceChildren(text);
  return stream(body, (piece) => text.append(piece), signal);
};

/** Return a request in the format of chat completions with what the model takes; `left`: what it does not take. */
const requestOf = (model, asked) => {
  const content = [], left = [];
  for (const kind of MEDIA) {
    const given = asked.media.filter((media) => media.kind === kind), most = namesOf(model, kind).length;
    content.push(...given.slice(0, most).map(({ part }) => part));
    if (given.length > most) left.push({ image: "picture", audio: "sound", video: "video" }[kind]);
  }
  const named = namesOf(model, "text");
  const texts = Object.fromEntries(Object.entries(asked.texts).filter(([name]) => named.includes(name)));
  const takesText = model.kind !== "classify" || (named.length === 1 && !Object.keys(texts).length);
  if (asked.text && takesText) content.push({ type: "text", text: asked.text });
  else if (asked.text) left.push("text");
  if (!content.length && !Object.keys(texts).length) {
    throw new Error(`It takes no ${left.join(" and no ")}; give it ${takes(model)}.`);
  }
  const interlace = { explain: asked.explain && Boolean(model.explains) };
  if (asked.tag && model.tags?.includes(asked.tag)) interlace.tag = asked.tag;
  if (Object.keys(texts).length) interlace.texts = texts;
  return { body: { model: model.name, messages: [{ role: "user", content }], interlace }, left };
};

const takes = (model) => {
  const words = { image: "a picture", audio: "a sound", video: "a video", text: "a text" };
  return [...new Set(Object.values(model.modalities).map((kind) => words[kind] ?? kind))].join(" or ");
};

const shownOf = ({ text, media }) => ({
  text,
  image: media.find(({ kind }) => kind === "image")?.image,
  samples: media.find(({ kind }) => kind === "audio")?.samples,
});

/** What was asked, as the text that is stored with a rating. */
const questionOf = ({ text, texts, media }) =>
  [text, ...Object.values(texts), ...media.map(({ kind }) => `[${kind}]`)].filter(Boolean).join(" ");
