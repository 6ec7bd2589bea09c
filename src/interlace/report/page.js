"use strict";
(() => {
  const root = document.documentElement;

  // The theme: that of the system until the button chooses another.
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const button = document.getElementById("theme");
  const show = (theme) => {
    root.dataset.theme = theme;
    button.setAttribute("aria-pressed", String(theme === "dark"));
  };
  const stored = () => { try { return localStorage.getItem("interlace-theme"); } catch { return null; } };
  const store = (theme) => { try { localStorage.setItem("interlace-theme", theme); } catch { /* file: pages may have none */ } };
  show(stored() || (dark.matches ? "dark" : "light"));
  dark.addEventListener("change", () => { if (!stored()) show(dark.matches ? "dark" : "light"); });
  button.addEventListener("click", () => {
    const theme = root.dataset.theme === "dark" ? "light" : "dark";
    show(theme);
    store(theme);
  });

  // Folded parts: a link to what is inside opens them, and printing opens all of them.
  const reveal = () => {
    const target = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    for (const inner of target.matches("details") ? [target] : target.querySelectorAll(":scope > details.whole")) inner.open = true;
    for (let part = target; part; part = part.parentElement) if (part.matches("details")) part.open = true;
    target.scrollIntoView();
  };
  addEventListener("hashchange", reveal);
  reveal();
  let closed = [];
  addEventListener("beforeprint", () => {
    closed = [...document.querySelectorAll("details:not([open])")];
    for (const part of closed) part.open = true;
  });
  addEventListener("afterprint", () => { for (const part of closed) part.open = false; });

  // Tables wider than the page: a shadow at each edge beyond which there is more, and a hint below.
  const edges = (table) => {
    const left = table.scrollLeft > 2, right = table.scrollWidth - table.clientWidth - table.scrollLeft > 2;
    table.parentElement.toggleAttribute("data-left", left);
    table.parentElement.toggleAttribute("data-right", right);
    table.parentElement.toggleAttribute("data-wide", left || right);
  };
  const tables = [...document.querySelectorAll(".scroller > .scroll")];
  const watcher = new ResizeObserver((entries) => { for (const entry of entries) edges(entry.target); });
  for (const table of tables) {
    table.addEventListener("scroll", () => edges(table), { passive: true });
    watcher.observe(table);
    edges(table);
  }

  const choice = document.getElementById("confusion-choice");
  choice?.addEventListener("change", () => {
    for (const matrix of document.querySelectorAll(".matrix")) matrix.hidden = matrix.id !== choice.value;
  });
})();
