// Elements built from text alone: no string ever becomes markup.

/** Return an element. `properties`: attributes by name; "class"; functions for events ("onclick"); booleans. */
export const make = (tag, properties = {}, ...children) => {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else if (typeof value === "boolean") element.toggleAttribute(name, value);
    else if (value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child instanceof Node || typeof child === "string"));
  return element;
};

export const byId = (id) => document.getElementById(id);

/** Say something to screen readers, without moving the focus. */
export const announce = (words) => { byId("status").textContent = words; };

let number = 0;
/** Return an id that no other element has. */
export const freshId = (prefix) => `${prefix}-${++number}`;
