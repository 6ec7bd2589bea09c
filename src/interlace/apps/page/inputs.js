// The inputs that the chosen models take, and what stands in them.

import { documentElement } from "./documents.js";
import { freshId, make } from "./dom.js";
import { MediaInput } from "./media.js";
import { languageOf, namesOf, slotsOf, textsOf } from "./models.js";

const MEDIA = ["image", "audio", "video"];
const TITLES = { image: "Picture", audio: "Sound", video: "Video" };
const LONG = ["translate", "correct", "summarise", "rewrite"];

/** The inputs of a task. What was typed or chosen stays when models or tasks are changed. */
export class Inputs {
  constructor(element, { changed, chosen }) {
    Object.assign(this, { element, changed, chosen });
    this.fields = new Map(); // name or "" -> {element, area, label}
    this.media = new Map(); // "image 1" -> MediaInput
    this.tags = makeSelect("Into", "tag");
    this.explain = makeCheck("Show what the answer rests on (takes longer)");
    this.prompt = makeField("Instructions to the model (system message)");
    this.document = documentElement(() => ({ models: this.chosen(), tag: this.tags.select.value || undefined }));
    this.shown = [];
  }

  /** Show what the models take. */
  show(task, models) {
    this.task = task;
    this.models = models;
    this.texts = textsOf(models);
    this.slots = MEDIA.flatMap((kind) => this.slotsOf(kind));
    const shown = [
      ...this.slots.map((input) => input.element),
      ...this.texts.map((name) => this.field(name).element),
      ...this.furtherOf(task, models),
    ];
    // An element that stays keeps the focus, as it is not moved.
    const same = shown.length === this.shown.length && shown.every((each, index) => each === this.shown[index]);
    if (!same) this.element.replaceChildren(...shown);
    this.shown = shown;
  }

  furtherOf(task, models) {
    const tags = [...new Set(models.flatMap((model) => model.tags ?? []))];
    fillSelect(this.tags.select, tags);
    return [
      tags.length ? this.tags.element : null,
      task.id === "translate" ? this.document : null,
      task.id === "chat" ? this.prompt.folded : null,
      models.some((model) => model.explains) ? this.explain.element : null,
    ].filter(Boolean);
  }

  slotsOf(kind) {
    const count = slotsOf(this.models, kind);
    const most = this.models.find((model) => namesOf(model, kind).length === count);
    return Array.from({ length: count }, (_, index) => {
      const key = `${kind} ${index}`;
      const label = count > 1 ? `${TITLES[kind]}: ${namesOf(most, kind)[index]}` : TITLES[kind];
      if (!this.media.has(key)) this.media.set(key, new MediaInput(kind, label, this.changed));
      return this.media.get(key);
    });
  }

  field(name) {
    const key = name ?? "";
    const describes = this.models.every(({ kind }) => kind === "describe");
    const nameless = describes ? "Prompt" : this.task.label;
    const words = name === null ? nameless : name[0].toUpperCase() + name.slice(1).replaceAll("_", " ");
    if (!this.fields.has(key)) {
      const field = makeField(words);
      field.area.dataset.name = key;
      field.area.addEventListener("input", this.changed);
      this.fields.set(key, field);
    }
    const field = this.fields.get(key);
    field.label.textContent = words;
    field.area.classList.toggle("tall", LONG.includes(this.task.id) && name === null);
    return field;
  }

  text() { return this.fields.get("")?.area.value.trim() ?? ""; }
  setText(text) { this.field(null).area.value = text; }
  focus() { this.fields.get("")?.area.focus(); }
  system() { return this.prompt.area.value.trim(); }

  empty() {
    return !this.texts.some((name) => this.field(name).area.value.trim()) && !this.slots.some(({ blob }) => blob);
  }

  missing() {
    const kinds = [...this.texts.slice(0, 1).map(() => "text"), ...this.slots.map(({ kindOf }) => kindOf.word)];
    return `Nothing is asked yet; give a ${[...new Set(kinds)].join(" or a ")}.`;
  }

  /** Take a picture or sound from the clipboard. */
  paste(event) {
    for (const file of event.clipboardData?.files ?? []) {
      const input = this.slots?.find(({ kind, blob }) => file.type.startsWith(`${kind}/`) && !blob)
        ?? this.slots?.find(({ kind }) => file.type.startsWith(`${kind}/`));
      if (!input) continue;
      event.preventDefault();
      input.use(file);
    }
  }

  /** Return what is asked now: {text, texts, media, tag, explain}. */
  async asked() {
    const texts = Object.fromEntries(this.texts.filter((name) => name !== null)
      .map((name) => [name, this.field(name).area.value.trim()]).filter(([, text]) => text));
    const given = this.slots.filter(({ blob }) => blob);
    const parts = await Promise.all(given.map((input) => input.part()));
    const media = given.map(({ kind, samples, preview }, index) =>
      ({ kind, samples, part: parts[index], image: kind === "image" ? preview.firstChild.cloneNode() : null }));
    const text = this.texts.includes(null) ? this.text() : "";
    return { text, texts, media, tag: this.tags.select.value, explain: this.explain.box.checked };
  }
}

const makeField = (words) => {
  const id = freshId("text");
  const area = make("textarea", { id, dir: "auto" }), label = make("label", { for: id }, words);
  return {
    area, label,
    element: make("div", { class: "field" }, label, area),
    get folded() { return (this.details ??= make("details", {}, make("summary", {}, "Instructions"), this.element)); },
  };
};

const makeSelect = (words, prefix) => {
  const id = freshId(prefix), select = make("select", { id });
  return { select, element: make("div", { class: "field" }, make("label", { for: id }, words), select) };
};

const fillSelect = (select, tags) => {
  const before = select.value;
  select.replaceChildren(...tags.map((tag) => make("option", { value: tag }, languageOf(tag))));
  if (tags.includes(before)) select.value = before;
};

const makeCheck = (words) => {
  const box = make("input", { type: "checkbox", checked: true });
  return { box, element: make("label", { class: "choice plain" }, box, make("span", {}, words)) };
};
