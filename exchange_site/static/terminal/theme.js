// Light or dark, before the first paint: the choice made here, else the system's.
(() => {
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: light)").matches ? "light" : "dark";
  root.dataset.theme = localStorage.getItem("theme") || system;
  addEventListener("DOMContentLoaded", () => {
    document.getElementById("theme").addEventListener("click", () => {
      root.dataset.theme = root.dataset.theme === "light" ? "dark" : "light";
      localStorage.setItem("theme", root.dataset.theme);
      dispatchEvent(new Event("theme"));
    });
  });
})();
