// The DIFF console: send, see the raw tree and the log (O-54).
import { _, byId, h, replace, setup } from "./dom.js";
import { get } from "./api.js";
import { chosenAccount } from "./chosen.js";
import { Store, showLink } from "./store.js";

const MOST_LINES = 200;
const DEPTH_OPEN = 2;
const { items } = await get(`/api/user/${setup.user_id}/accounts`);
const store = new Store(chosenAccount(items));
const open = new Set();

function branch(name, value, path, depth) {
  if (value === null || typeof value !== "object") return h("div", {}, `${name}: ${JSON.stringify(value)}`);
  const details = h("details", { open: open.has(path) || depth < DEPTH_OPEN }, h("summary", {}, name));
  const fill = () => details.append(...Object.entries(value).map(([key, each]) => branch(key, each, `${path}/${key}`, depth + 1)));
  if (details.open) fill();
  details.addEventListener("toggle", () => {
    details.open ? open.add(path) : open.delete(path);
    if (details.open && details.children.length === 1) fill();
  });
  return details;
}

function log(direction, text) {
  const line = h("li", {}, `${direction === "in" ? "←" : "→"} ${text.slice(0, 2000)}`);
  byId("log").prepend(line);
  while (byId("log").children.length > MOST_LINES) byId("log").lastChild.remove();
}

byId("send").addEventListener("submit", (event) => {
  event.preventDefault();
  const said = byId("said");
  said.textContent = "";
  try {
    const message = JSON.parse(byId("message").value);
    if (!store.transmit(message)) said.textContent = _("The exchange cannot be reached");
  } catch (error) {
    said.textContent = error.message;
  }
});
store.onFrame(log);
let drawn = 0;
store.onChange(() => {
  showLink(store);
  if (performance.now() - drawn < 500) return;
  drawn = performance.now();
  replace(byId("tree"), ...Object.entries(store.tree).map(([key, value]) => branch(key, value, key, 1)));
});
