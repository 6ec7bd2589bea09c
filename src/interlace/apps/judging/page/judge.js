// The raters' page: a code, one task at a time, a button or key for each judgement, and undoing the last one.

import { announce, byId, make } from "/static/dom.js";

const LONG = 1200; // characters from which a text scrolls by itself
const SMALL = 64; // pixels up to which a picture is enlarged without smoothing
const KEYS = { ArrowLeft: "left", 1: "left", ArrowDown: "same", 2: "same", ArrowRight: "right", 3: "right" };
const stored = (name) => { try { return sessionStorage.getItem(name) ?? ""; } catch { return ""; } };
const store = (name, value) => { try { sessionStorage.setItem(name, value); } catch { /* this tab's memory is enough */ } };

let code = stored("interlace-code");
let token = stored("interlace-token");
let state = null;
let shownAt = 0; // when the task was shown, for the seconds that it took
let busy = false;
let urls = []; // of media that are shown

const sections = ["token", "login", "task", "end"];
const show = (name) => sections.forEach((each) => { byId(each).hidden = each !== name; });

const request = async (path, body) => {
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  const options = body === undefined ? { headers } : {
    method: "POST", headers: { ...headers, "Content-Type": "application/json" }, body: JSON.stringify(body),
  };
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new Error("The server does not answer. Your last judgement may not be stored yet; try again.");
  }
  if (response.ok) return response;
  let message = `The server answered with status ${response.status}.`;
  try { message = (await response.json()).error.message; } catch { /* the status says enough */ }
  throw Object.assign(new Error(message), { status: response.status });
};

/** Send a request; on a failure show it with a button that sends the same again, which is safe: it is stored once. */
const ask = async (verb, body, then) => {
  if (busy) return;
  busy = true;
  setDisabled(true);
  try {
    const { state: found } = await (await request(`/judge/${verb}`, { code, ...body })).json();
    byId("problem").hidden = true;
    busy = false;
    then(found);
  } catch (error) {
    busy = false;
    if (error.status === 401) return askToken();
    problem(error, () => (error.status === 409 ? ask("begin", {}, proceed) : ask(verb, body, then)));
  } finally {
    setDisabled(false);
  }
};

const problem = (error, again) => {
  byId("problem").hidden = false;
  byId("problem").querySelector("span").textContent = error.message;
  byId("retry").onclick = again;
};

const setDisabled = (disabled) => document.querySelectorAll("#choose button, #login button, #undo-end").forEach((button) => {
  button.disabled = disabled || button.dataset.never !== undefined;
});

const askToken = () => {
  show("token");
  byId("token-value").focus();
};

const askCode = () => {
  show("login");
  byId("leave").hidden = byId("progress").hidden = true;
  byId("count").textContent = "";
  byId("unknown").hidden = true;
  byId("code").value = code;
  byId("code").focus();
};

const begin = (join) => ask("begin", { join }, (found) => {
  if (found === null) {
    askCode();
    byId("unknown").hidden = false;
    byId("join").focus();
    return;
  }
  proceed(found);
});

const proceed = (found) => {
  if (found === null) return askCode();
  store("interlace-code", code);
  state = found;
  byId("count").textContent = `${state.done} of ${state.of}`;
  const bar = byId("progress");
  bar.hidden = byId("leave").hidden = false;
  bar.setAttribute("aria-valuemax", state.of);
  bar.setAttribute("aria-valuenow", state.done);
  bar.firstElementChild.style.width = `${(100 * state.done) / state.of}%`;
  urls.forEach((url) => URL.revokeObjectURL(url));
  urls = [];
  if (state.task === null) {
    show("end");
    announce("All tasks are judged. Thank you.");
    return;
  }
  showTask(state.task);
};

const showTask = ({ texts, media, answers }) => {
  show("task");
  byId("asked").textContent = state.question;
  byId("inputs").replaceChildren(...media.map(figureOf), ...texts.map(givenText));
  const names = answers.length > 1 ? ["Answer A", "Answer B"] : ["Answer"];
  byId("answers").replaceChildren(...answers.map((text, i) => make("article", { class: "card" },
    make("h2", {}, names[i]), text.trim() ? make("p", { dir: "auto" }, text) : make("p", { class: "nothing" }, "no words"))));
  const pairs = state.design === "pairs";
  byId("choose").className = pairs ? "choose" : "choose points";
  byId("choose").replaceChildren(...(pairs ? pairButtons() : pointButtons()), undoButton());
  scrollTo(0, 0);
  byId("task").focus({ preventScroll: true });
  announce(`Task ${state.done + 1} of ${state.of}`);
  shownAt = performance.now();
};

const pairButtons = () => [["left", "A is better", "←"], ["same", "About the same", "↓"], ["right", "B is better", "→"]]
  .map(([value, words, key]) => make("button", { type: "button", "data-value": value, onclick: () => rate(value) },
    words, make("kbd", { "aria-hidden": "true" }, key)));

const pointButtons = () => state.anchors.map((words, i) => make("button", {
  type: "button", "data-value": String(i + 1), onclick: () => rate(String(i + 1)),
}, make("kbd", {}, String(i + 1)), words));

const undoButton = () => {
  const first = state.done === 0;
  return make("button", { type: "button", class: "undo", id: "undo", disabled: first, ...(first ? { "data-never": "" } : {}), onclick: undo },
    "Undo the last one", make("kbd", { "aria-hidden": "true" }, "U"));
};

const givenText = ({ name, text }) => make("div", { class: text.length > 200 ? "whole" : "" }, make("h4", {}, name),
  make("p", { class: text.length > LONG ? "given long" : "given", dir: "auto", ...(text.length > LONG ? { tabindex: "0" } : {}) }, text));

const figureOf = ({ kind, name, file, type }) => {
  const moving = kind === "video" && type.startsWith("video/");
  const element = kind === "audio" ? make("audio", { controls: true, "aria-label": name })
    : moving ? make("video", { controls: true, "aria-label": name }) : make("img", { alt: name });
  if (!moving && kind !== "audio") element.onload = () => element.classList.toggle("pixels", element.naturalWidth <= SMALL);
  const figure = make("figure", {}, make("figcaption", {}, name), element);
  const position = state.done;
  request(`/media/${file}`).then((response) => response.blob()).then((blob) => {
    const url = URL.createObjectURL(blob);
    if (state.done !== position) return URL.revokeObjectURL(url); // another task is shown by now
    urls.push(url);
    element.src = url;
  }).catch((error) => element.replaceWith(make("p", { class: "error" }, error.message)));
  return figure;
};

const rate = (value) => ask("rate", {
  position: state.done, value, seconds: Math.round((performance.now() - shownAt) / 100) / 10,
}, proceed);

const undo = () => { if (state.done > 0) ask("undo", { position: state.done - 1 }, proceed); };

addEventListener("keydown", (event) => {
  const open = !byId("task").hidden || !byId("end").hidden;
  const typing = event.target.closest?.("input, textarea, select, audio, video");
  if (!open || typing || busy || event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key.toLowerCase() === "u" || event.key === "Backspace") {
    event.preventDefault();
    undo();
    return;
  }
  if (byId("task").hidden) return;
  const value = state.design === "pairs" ? KEYS[event.key] : Number(event.key) <= state.anchors.length && /^[1-9]$/.test(event.key) ? event.key : undefined;
  if (value === undefined) return;
  event.preventDefault();
  rate(value);
});

byId("login").addEventListener("submit", (event) => {
  event.preventDefault();
  code = byId("code").value.trim();
  begin(false);
});
byId("code").addEventListener("input", () => { byId("unknown").hidden = true; });
byId("join").addEventListener("click", () => begin(true));
byId("correct").addEventListener("click", askCode);
byId("leave").addEventListener("click", () => {
  if (busy) return;
  code = "";
  store("interlace-code", code);
  byId("problem").hidden = true;
  askCode();
});
byId("undo-end").addEventListener("click", undo);
byId("token").addEventListener("submit", (event) => {
  event.preventDefault();
  token = byId("token-value").value.trim();
  store("interlace-token", token);
  code ? begin(false) : askCode();
});

code ? begin(false) : askCode();
