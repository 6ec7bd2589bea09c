// An answer as elements: its text, what is known of it, and what it rests on.

import { make } from "./dom.js";
import { difference } from "./diff.js";
import { highlightElements } from "./highlights.js";

const MOST_CLASSES = 5;
const percent = (share) => (share > 0 && share < 0.0005 ? "<0.1%" : `${(100 * share).toFixed(share > 0.1 ? 0 : 1)}%`);

/**
 * Return the elements of an answer in the format of `Answer.plain()`. `asked`: {text, image, samples}; `correct`: the
 * text was to be corrected; `short`: answers of a few words are set large.
 */
export const answerElements = (answer, asked) => [
  textOf(answer, asked),
  guessOf(answer),
  confidenceOf(answer, asked),
  setOf(answer),
  probabilitiesOf(answer),
  contributionsOf(answer),
  ...highlightElements(answer, asked),
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
    make("p", { class: "note" }, changed ? "Struck out: removed; underlined: new." : "Nothing is changed."));
};

const guessOf = ({ details }) => details?.best_guess && noteOf("Its best guess: ", details.best_guess);

const noteOf = (words, value) =>
  make("p", { class: "note" }, words, make("span", { class: "ink", dir: "auto" }, value));

/** Of a text that was written, the confidence is the mean probability of its tokens. */
const confidenceOf = ({ confidence }, { short }) => {
  if (confidence === undefined) return null;
  const words = short ? "Probability" : "Confidence";
  const row = make("p", { class: "confidence" }, `${words} `, make("b", {}, percent(confidence)));
  return make("div", {}, row, bar(confidence, "wide"));
};

const setOf = ({ answer_set: set, coverage, details }) => {
  if (details?.uncalibrated) return make("p", { class: "note" }, details.uncalibrated);
  if (set === undefined) return null;
  const held = coverage === undefined ? "One of" : `With probability ${percent(coverage)} one of`;
  return noteOf(`${held}: `, set.length ? set.join(", ") : "none");
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
  const rows = all.map(([name, share]) => make("li", {},
    make("span", { class: "name", dir: "auto" }, name), bar(share), make("span", { class: "value" }, percent(share))));
  const rest = rows.slice(MOST_CLASSES);
  return make("div", {}, make("h4", {}, "Probabilities"), make("ul", { class: "bars" }, rows.slice(0, MOST_CLASSES)),
    rest.length > 0 && make("details", {},
      make("summary", {}, `${rest.length} more`), make("ul", { class: "bars" }, rest)));
};

/** Each modality's Shapley value, of the answer's probability or of a number: right of the middle for it, else left. */
const contributionsOf = ({ contributions, probabilities }) => {
  if (!contributions) return null;
  const most = Math.max(1e-9, ...Object.values(contributions).map(Math.abs));
  const rows = Object.entries(contributions).map(([name, value]) => {
    const filled = make("span", { class: value < 0 ? "amount against" : "amount" });
    filled.style.width = `${(50 * Math.abs(value)) / most}%`;
    const size = Math.abs(value).toFixed(2), sign = value < 0 ? "−" : "+";
    return make("li", {}, make("span", { class: "name" }, name),
      make("span", { class: "track two", "aria-hidden": "true" }, filled),
      make("span", { class: "value" }, size === "0.00" ? size : `${sign}${size}`));
  });
  const sum = probabilities ? "probability" : "answer"; // a number is a sum of contributions itself
  return make("div", {}, make("h4", {}, `What each input adds to the ${sum}`), make("ul", { class: "bars" }, rows));
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

const headingOf = (sources) => {
  if (sources[0].kind === "path") return "Path through the graph";
  return sources.length === 1 ? "Source" : "Sources";
};

/** A passage with the answer marked, or the steps of a path; all but the first are folded. */
const sourceOf = (source, index) => {
  const score = typeof source.score === "number" ? `score ${source.score.toFixed(2)}` : "";
  const marked = typeof source.start === "number" && typeof source.end === "number";
  const [before, inside, after] = marked ? spanOf(source.text, source.start, source.end) : [source.text, "", ""];
  return make("details", { open: index === 0 },
    make("summary", {}, `${index + 1}. ${source.title || source.id} `, make("span", { class: "value" }, score)),
    make("p", { class: source.kind === "path" ? "path" : "passage", dir: "auto" },
      before, marked && make("mark", {}, inside), after),
    source.details?.sparql && region("Query", source.details.sparql));
};

const detailsOf = ({ details }) => {
  if (!details || !Object.keys(details).length) return null;
  return make("details", {}, make("summary", {}, "Details"), region("Details", JSON.stringify(details, null, 1)));
};

/** Text that may be wider than its place and is scrolled with the keyboard too. */
const region = (label, text) => make("pre", { tabindex: "0", role: "region", "aria-label": label }, text);
