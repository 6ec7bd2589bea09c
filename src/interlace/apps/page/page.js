// The page: which task and models, what is asked, and the answers side by side.

import { announce, byId, make } from "./dom.js";
import { answerCards } from "./cards.js";
import { Conversation } from "./chat.js";
import { Inputs } from "./inputs.js";
import { tasksOf, wordsOf } from "./models.js";
import { listModels, useToken } from "./wire.js";

const MOST_MODELS = 8; // of one question
const page = { tasks: [], task: null, chosen: new Map(), inputs: null, conversation: new Conversation(), stop: null };

const start = async () => {
  let models;
  try {
    models = await listModels();
  } catch (error) {
    if (error.status === 401) return askForToken();
    byId("token").hidden = true;
    byId("question").hidden = false;
    return showEmpty(error.message, true);
  }
  byId("token").hidden = true;
  byId("question").hidden = false;
  page.tasks = tasksOf(models);
  if (!page.tasks.length) return showEmpty("No model is served.", true);
  for (const { id, models: able } of page.tasks) page.chosen.set(id, new Set(able.slice(0, 2).map(({ name }) => name)));
  page.inputs = new Inputs(byId("inputs"), { changed: ready, chosen: chosenModels });
  byId("tasks").append(...page.tasks.map(taskChoice));
  byId("tasks").hidden = page.tasks.length < 2;
  const wanted = location.hash.slice(1);
  byId("choices").hidden = byId("compose").hidden = false;
  choose(page.tasks.find(({ id }) => id === wanted) ?? page.tasks[0]);
};

const askForToken = () => {
  if (!byId("token").hidden) {
    byId("token-note").textContent = "The server has another token.";
    byId("token-note").classList.add("error");
  }
  byId("token").hidden = false;
  byId("question").hidden = true;
  byId("token-value").focus();
};

const showEmpty = (words, wrong = false) => {
  byId("empty").textContent = words;
  byId("empty").classList.toggle("error", wrong);
  byId("empty").hidden = false;
};

const taskChoice = (task) =>
  make("label", { class: "choice" },
    make("input", { type: "radio", name: "task", value: task.id, onchange: () => choose(task) }),
    make("span", {}, task.title));

const choose = (task) => {
  page.task = task;
  history.replaceState(null, "", `#${task.id}`);
  byId("tasks").querySelector(`[value="${task.id}"]`).checked = true;
  const legend = make("legend", {}, task.models.length > 1 ? "Models" : "Model");
  byId("models").replaceChildren(legend, ...task.models.map(modelChoice));
  const chats = task.id === "chat";
  byId("restart").hidden = !chats;
  byId("question").classList.toggle("chat", chats);
  byId("compose")[chats ? "before" : "after"](byId("answers")); // a conversation stands above what is said next
  byId("ask").textContent = task.action;
  byId("results").replaceChildren(...(chats ? [page.conversation.element] : []));
  showEmpty(task.empty);
  byId("empty").hidden = chats && page.conversation.turns.length > 0;
  show();
};

const modelChoice = (model) => {
  const chosen = page.chosen.get(page.task.id);
  const change = ({ target }) => { chosen[target.checked ? "add" : "delete"](model.name); show(); };
  const checked = chosen.has(model.name);
  return make("label", { class: "choice model" },
    make("input", { type: "checkbox", name: "model", value: model.name, checked, onchange: change }),
    make("span", {}, make("b", {}, model.name), make("small", {}, wordsOf(model))));
};

const chosenModels = () => page.task.models.filter(({ name }) => page.chosen.get(page.task.id).has(name));

const show = () => {
  page.inputs.show(page.task, chosenModels());
  ready();
};

const ready = () => {
  byId("problem").textContent = "";
  byId("ask").disabled = Boolean(page.stop);
};

const problemOf = (models) => {
  if (!models.length) return "Choose a model.";
  if (models.length > MOST_MODELS) return `Choose at most ${MOST_MODELS} models.`;
  return page.inputs.empty() ? page.inputs.missing() : null;
};

const submit = async (event) => {
  event.preventDefault();
  if (page.stop) return;
  const models = chosenModels(), problem = problemOf(models);
  byId("problem").textContent = problem ?? "";
  if (problem) return;
  page.stop = new AbortController();
  byId("ask").disabled = true;
  byId("stop").hidden = false;
  byId("empty").hidden = true;
  announce("Asked.");
  try {
    await (page.task.id === "chat" ? talk(models) : answer(models));
  } catch (error) {
    byId("problem").textContent = error.message;
  } finally {
    page.stop = null;
    byId("stop").hidden = true;
    ready();
  }
};

const talk = async (models) => {
  const said = page.inputs.text();
  page.inputs.setText("");
  const heard = await page.conversation.send(said, page.inputs.system(), models, page.stop.signal);
  if (!heard) page.inputs.setText(said);
  page.inputs.focus();
};

const answer = async (models) => {
  const asked = await page.inputs.asked();
  const { element, done } = answerCards(page.task, models, asked, page.stop.signal);
  byId("results").replaceChildren(element);
  if (matchMedia("(max-width: 55rem)").matches) byId("answers").scrollIntoView({ block: "start" });
  await done;
};

byId("question").addEventListener("submit", submit);
byId("stop").addEventListener("click", () => page.stop?.abort());
byId("restart").addEventListener("click", () => {
  page.stop?.abort();
  page.conversation = new Conversation();
  choose(page.task);
  page.inputs.focus();
});
byId("token").addEventListener("submit", (event) => {
  event.preventDefault();
  useToken(byId("token-value").value);
  start();
});
// In a field of several lines Enter breaks the line; with Ctrl or Cmd, and in a chat alone, it asks.
byId("question").addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.target.tagName !== "TEXTAREA" || event.isComposing || event.shiftKey) return;
  if (!event.ctrlKey && !event.metaKey && !(page.task.id === "chat" && event.target.matches("[data-name='']"))) return;
  event.preventDefault();
  byId("question").requestSubmit();
});
addEventListener("paste", (event) => page.inputs?.paste(event));
// A file dropped beside an input would replace the page.
for (const name of ["dragover", "drop"]) addEventListener(name, (event) => event.preventDefault());

start();
