// A conversation of several turns, with one or more models side by side.

import { announce, make } from "./dom.js";
import { letter, ratingElement } from "./rating.js";
import { complete, stream } from "./wire.js";

/** A conversation. `element`: its log; each model hears its own replies alone. */
export class Conversation {
  constructor() {
    this.turns = []; // {user, replies: {model: text}}
    this.element = make("div", { class: "log", role: "log", "aria-label": "Conversation" });
  }

  /** Return the messages of a model so far, `user` last; turns that it did not reply to are left out. */
  messages(name, system, user) {
    const past = this.turns.filter(({ replies }) => name in replies)
      .flatMap((turn) => [{ role: "user", content: turn.user }, { role: "assistant", content: turn.replies[name] }]);
    return [...(system ? [{ role: "system", content: system }] : []), ...past, { role: "user", content: user }];
  }

  /** Say something to the models and show their replies as they come. */
  async send(user, system, models, signal) {
    const turn = { user, replies: {} };
    const columns = models.map((model, index) => replyElement(model, models.length > 1 ? letter(index) : null));
    this.element.querySelector(".rating")?.remove();
    this.element.append(make("p", { class: "said", dir: "auto" }, make("span", { class: "spoken" }, "You: "), user),
      make("div", { class: "replies" }, columns.map(({ element }) => element)));
    columns[0].element.scrollIntoView({ block: "nearest" });
    await Promise.all(models.map((model, index) => this.reply(turn, model, columns[index], system, signal)));
    this.turns.push(turn);
    const answers = models.filter(({ name }) => name in turn.replies)
      .map(({ name }) => ({ model: name, text: turn.replies[name] }));
    if (answers.length > 1) this.element.append(ratingElement(user, answers));
    announce(answers.length ? "The reply is complete." : "There is no reply.");
    return answers.length > 0;
  }

  async reply(turn, model, column, system, signal) {
    const body = { model: model.name, messages: this.messages(model.name, system, turn.user) };
    try {
      const found = model.streams
        ? await stream(body, (piece) => column.text.append(piece), signal)
        : await complete(body, signal);
      column.text.textContent = found.text;
      turn.replies[model.name] = found.text;
    } catch (error) {
      column.text.classList.add("error");
      column.text.textContent = error.name === "AbortError" ? "Stopped." : error.message;
    }
    column.element.setAttribute("aria-busy", "false");
  }
}

const replyElement = (model, mark) => {
  const text = make("p", { class: "text", dir: "auto" });
  const element = make("div", { class: "reply", "aria-busy": "true" },
    make("p", { class: "note" }, mark ? make("b", { class: "letter" }, mark) : null, ` ${model.name}`), text);
  return { element, text };
};
