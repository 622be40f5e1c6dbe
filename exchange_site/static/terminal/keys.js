// Trading by keyboard; never while a text is being typed.
import { _, byId, h, replace } from "./dom.js";

const buy = (app) => app.entry.send("BUY");
const sell = (app) => app.entry.send("SELL");
const KEYS = [
  ["/", _("find an instrument"), () => byId("search").focus()],
  ["ArrowUp", _("previous instrument"), (app) => app.watch.step(-1)],
  ["ArrowDown", _("next instrument"), (app) => app.watch.step(1)],
  ["b", _("buy"), buy],
  ["s", _("sell"), sell],
  ["o", _("open"), (app) => app.entry.choose("OPEN")],
  ["c", _("close"), (app) => app.entry.choose(closing(app))],
  ["p", _("go to the price"), () => focus("price")],
  ["v", _("go to the volume"), () => focus("volume")],
  ["a", _("price: best ask"), (app) => app.entry.take(app.quote.ask_price1)],
  ["d", _("price: best bid"), (app) => app.entry.take(app.quote.bid_price1)],
  ["x", _("cancel all working orders"), (app) => app.lists.cancelAll()],
];
const NAMES = { ArrowUp: "↑", ArrowDown: "↓" };

function focus(id) {
  byId(id).focus();
  byId(id).select();
}

/** The closing offset that has lots, as the exchange names it. */
function closing(app) {
  const offsets = [...document.querySelectorAll("[data-offset]")].map((button) => button.dataset.offset).filter((name) => name !== "OPEN");
  return offsets.find((name) => app.entry.free("long", name) || app.entry.free("short", name)) || offsets[0];
}

export function bindKeys(app) {
  replace(byId("keys"), ...KEYS.flatMap(([key, text]) => [h("dt", {}, h("kbd", {}, NAMES[key] || key.toUpperCase())), h("dd", {}, text)]));
  addEventListener("keydown", (event) => {
    const target = event.target;
    if (event.key === "Escape") return target.blur?.();
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    if (target.closest?.("input, select, textarea, [contenteditable]")) {
      if (event.key === "Enter" && target.closest("#entry")) target.blur();
      return;
    }
    if (target.closest?.(".scroll") && event.key.startsWith("Arrow")) return;
    const found = KEYS.find(([key]) => key === event.key.toLowerCase() || key === event.key);
    if (!found) return;
    event.preventDefault();
    found[2](app);
  });
}
