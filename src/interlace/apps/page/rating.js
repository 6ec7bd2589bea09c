// A person's choice of the better of several answers.

import { make } from "./dom.js";
import { rate } from "./wire.js";

/** Return a group of buttons, one for each answer [{model, text}] and one for a tie, that stores the choice. */
export const ratingElement = (question, answers) => {
  const told = make("p", { class: "note told", role: "status" });
  const buttons = [];
  let stored = false;
  const send = async (preferred, button) => {
    if (stored) return;
    stored = true;
    told.classList.remove("error");
    try {
      await rate({ question, answers, preferred });
      button.setAttribute("aria-pressed", "true");
      told.textContent = "Stored.";
      for (const each of buttons) each.setAttribute("aria-disabled", "true"); // the focus stays, unlike with disabled
    } catch (error) {
      stored = false;
      told.classList.add("error");
      told.textContent = error.message;
    }
  };
  const add = (words, label, preferred) => {
    const onclick = () => send(preferred, button);
    const button = make("button", { type: "button", "aria-pressed": "false", "aria-label": label, onclick }, words);
    buttons.push(button);
  };
  answers.forEach(({ model }, index) => add(letter(index), `${letter(index)} is better: ${model}`, model));
  add("The same", null, "tie");
  return make("fieldset", { class: "rating" },
    make("legend", {}, "Which answer is better?"), make("div", { class: "row" }, buttons), told);
};

/** Return the letter of an answer: A, B, ... */
export const letter = (index) => String.fromCharCode(65 + index);
