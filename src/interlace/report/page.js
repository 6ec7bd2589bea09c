"use strict";
(() => {
  const root = document.documentElement;
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
  const choice = document.getElementById("confusion-choice");
  choice?.addEventListener("change", () => {
    for (const matrix of document.querySelectorAll(".matrix")) matrix.hidden = matrix.id !== choice.value;
  });
})();
