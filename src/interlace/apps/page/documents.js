// A document translated: uploaded, and given back as a download.

import { announce, freshId, make } from "./dom.js";
import { base64 } from "./media.js";
import { translateDocument } from "./wire.js";

const KINDS = ".txt,.md,.docx,.pdf";

/** Return an input of a document. `chosen()`: the models and the tag to translate with. */
export const documentElement = (chosen) => {
  const id = freshId("document");
  const input = make("input", { type: "file", id, class: "spoken", accept: KINDS, "aria-describedby": `${id}-told` });
  const told = make("p", { class: "note told", id: `${id}-told`, role: "status" });
  const list = make("ul", { class: "downloads" });
  input.addEventListener("change", async () => {
    const file = input.files[0];
    if (!file) return;
    if (!chosen().models.length) return told.replaceChildren("Choose a model.");
    for (const link of list.querySelectorAll("a")) URL.revokeObjectURL(link.href);
    list.replaceChildren();
    told.classList.remove("error");
    told.textContent = `Translating ${file.name} …`;
    try {
      await translateInto(list, file, chosen());
      told.textContent = `${file.name} is translated.`;
      announce(told.textContent);
      list.querySelector("a")?.focus();
    } catch (error) {
      told.classList.add("error");
      told.textContent = error.message;
    }
    input.value = "";
  });
  return make("fieldset", { class: "drop document" }, make("legend", {}, "Or a document (Word, PDF or text)"),
    make("div", { class: "row" }, input, make("label", { class: "button", for: id }, "Choose a document")), told, list);
};

/** Return whether a text is translated in parts, as runs are trained on single sentences. */
export const hasSentences = (text) => [...sentences.segment(text)].length > 1;

/** Return the translation of a text of several sentences, in the format of `Answer.plain()`. */
export const translateText = async (model, text, tag, signal) => {
  const { bytes, remarks } = await translated(model, new File([text], "text.txt"), tag, signal);
  return { text: new TextDecoder().decode(bytes).trimEnd(), details: remarks?.length ? { remarks } : {} };
};

const sentences = new Intl.Segmenter(undefined, { granularity: "sentence" });

const translated = async (model, file, tag, signal) => {
  const body = { model: model.name, name: file.name, data: await base64(file) };
  if (model.tags?.includes(tag)) body.tag = tag;
  const found = await translateDocument(body, signal);
  return { ...found, bytes: Uint8Array.from(atob(found.data), (character) => character.charCodeAt(0)) };
};

const translateInto = async (list, file, { models, tag }) => {
  for (const model of models) {
    const { bytes, ...found } = await translated(model, file, tag);
    const href = URL.createObjectURL(new Blob([bytes]));
    const link = make("a", { href, download: found.name }, `Download ${found.name}`);
    const remarks = (found.remarks ?? []).map((words) => make("p", { class: "note" }, words));
    list.append(make("li", {}, link, models.length > 1 && ` (${model.name})`, remarks));
  }
};
