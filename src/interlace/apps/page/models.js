// What can be done with the models that are served, by their descriptions.

const rewrites = (...tasks) => (model) => model.kind === "rewrite" && tasks.includes(model.task);
const LOOKS_UP = rewrites("open_answers", "question_answering", "graph_question_answering");
const TRANSLATES = rewrites("translation", "simultaneous_translation");
const CORRECTS = rewrites("correction");
const SUMMARISES = rewrites("summarization");
const OWN = [LOOKS_UP, TRANSLATES, CORRECTS, SUMMARISES]; // rewriting under another title

/** The tasks of the page, in order. `holds`: tells whether a model does it. */
const TASKS = [
  { id: "ask", title: "Ask", action: "Ask", label: "Question or text",
    empty: "Give a picture, a sound or a text, and ask.",
    holds: ({ kind }) => kind === "classify" || kind === "describe" },
  { id: "look-up", title: "Look up", action: "Look up", label: "Question",
    empty: "Ask a question; the answer comes with its sources.",
    holds: (model) => model.kind === "find" || LOOKS_UP(model) },
  { id: "translate", title: "Translate", action: "Translate", label: "Text to translate",
    empty: "Type a text or choose a document.", holds: TRANSLATES },
  { id: "correct", title: "Correct", action: "Correct", label: "Text to correct",
    empty: "Type a text; changes will be marked.", holds: CORRECTS },
  { id: "summarise", title: "Summarise", action: "Summarise", label: "Text to summarise",
    empty: "Paste a text; its summary will stand here.", holds: SUMMARISES },
  { id: "rewrite", title: "Rewrite", action: "Rewrite", label: "Text",
    empty: "Type a text.",
    holds: (model) => model.kind === "rewrite" && !OWN.some((does) => does(model)) },
  { id: "chat", title: "Chat", action: "Send", label: "Message",
    empty: "Say something.", holds: ({ kind }) => kind === "converse" },
  { id: "continue", title: "Continue", action: "Continue", label: "Beginning of the text",
    empty: "Type the beginning of a text.", holds: ({ kind }) => kind === "continue" },
];

/** Return the tasks that some model does, each with its models. */
export const tasksOf = (models) =>
  TASKS.map((task) => ({ ...task, models: models.filter(task.holds) })).filter((task) => task.models.length);

const MEDIA = { image: "picture", audio: "sound", video: "video" };

/** Return what a model takes and does, in a few words. */
export const wordsOf = (model) => {
  const kinds = Object.values(model.modalities).map((kind) => MEDIA[kind] ?? kind);
  const takes = [...new Set(kinds)].join(" + ");
  const classes = model.classes?.length ? `${model.classes.length} classes` : null;
  const tags = model.tags?.length ? model.tags.map(bare).join(", ") : null;
  return [String(model.task).replaceAll("_", " "), takes, classes, tags].filter(Boolean).join(" · ");
};

/** Return the names of a model's modalities of a kind, in order. */
export const namesOf = (model, kind) =>
  Object.entries(model.modalities).filter(([, each]) => each === kind).map(([name]) => name);

/** Return the most modalities of a kind that one of the models has. */
export const slotsOf = (models, kind) => Math.max(0, ...models.map((model) => namesOf(model, kind).length));

/** Return the names of the texts to ask for: one nameless text, or where a model has several, each by its name. */
export const textsOf = (models) => {
  const named = models.map((model) => namesOf(model, "text"));
  if (named.every((names) => names.length < 2)) {
    return models.some((model, index) => named[index].length || model.kind !== "classify") ? [null] : [];
  }
  const prompt = models.some((model) => model.kind === "describe") ? [null] : [];
  return [...new Set(named.flat()), ...prompt];
};

const bare = (tag) => tag.replace(/^>>|<<$/g, "");

/** Return a language's tag (">>de<<") in words: "German (de)". */
export const languageOf = (tag) => {
  const code = bare(tag);
  try {
    const name = new Intl.DisplayNames(["en"], { type: "language", fallback: "none" }).of(code);
    return name ? `${name} (${code})` : code;
  } catch {
    return code;
  }
};
