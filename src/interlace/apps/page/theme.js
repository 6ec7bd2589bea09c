"use strict";
// The theme: that of the system until the button chooses another. A classic script, so that the first paint has it.
(() => {
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const stored = () => { try { return localStorage.getItem("interlace-theme"); } catch { return null; } };
  const store = (theme) => { try { localStorage.setItem("interlace-theme", theme); } catch { /* none here */ } };
  const show = () => {
    root.dataset.theme = stored() || (dark.matches ? "dark" : "light");
    document.getElementById("theme")?.setAttribute("aria-pressed", String(root.dataset.theme === "dark"));
  };
  show();
  dark.addEventListener("change", show);
  addEventListener("DOMContentLoaded", () => {
    show();
    document.getElementById("theme")?.addEventListener("click", () => {
      store(root.dataset.theme === "dark" ? "light" : "dark");
      show();
    });
  });
})();
