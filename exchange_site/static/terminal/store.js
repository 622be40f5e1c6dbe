// One DIFF socket and the tree its merge patches make (D-1); tells whether the tree is fresh.
import { _, byId } from "./dom.js";

const SILENCE_MS = 2500; // no word for so long although asked each second: the line is lost
const ASK_MS = 1000;
const FIRST_PATIENCE_MS = 8000; // for the first word of a new line; doubled while none comes, so a busy server is not hammered
const LAST_PATIENCE_MS = 60_000;
const FIRST_RETRY_MS = 300;
const LAST_RETRY_MS = 3000;

/** RFC 7386. */
export function merge(tree, patch) {
  for (const [key, value] of Object.entries(patch)) {
    if (key === "__proto__") continue;
    if (value === null) delete tree[key];
    else if (typeof value === "object" && !Array.isArray(value)) {
      const old = tree[key];
      tree[key] = merge(old && typeof old === "object" && !Array.isArray(old) ? old : {}, value);
    } else tree[key] = value;
  }
  return tree;
}

export class Store {
  /** `login`: the account to log in to with the page's session, "" for the market alone. */
  constructor(login = "") {
    this.login = login;
    this.tree = {};
    this.state = "wait";
    this.listeners = new Set();
    this.watchers = new Set();
    this.standing = new Map();
    this.retry = FIRST_RETRY_MS;
    this.patience = FIRST_PATIENCE_MS;
    this.heard = 0;
    this.drawing = false;
    setInterval(() => this.check(), 500);
    this.connect();
  }

  get trade() {
    return this.tree.trade?.[this.login] || {};
  }

  onChange(listener) {
    this.listeners.add(listener);
  }

  onFrame(watcher) {
    this.watchers.add(watcher);
  }

  connect() {
    clearTimeout(this.timer);
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}/ws/diff`);
    this.socket = socket;
    this.began = performance.now();
    socket.onopen = () => socket === this.socket && this.opened();
    socket.onmessage = (event) => socket === this.socket && this.received(event.data);
    socket.onclose = () => socket === this.socket && this.closed();
  }

  /** Another account: a new line with its own snapshot. */
  restart(login) {
    this.login = login;
    const old = this.socket;
    this.connect();
    old.close();
  }

  opened() {
    this.fresh = true;
    if (this.login) this.transmit({ aid: "req_login", bid: "web", user_name: this.login, password: "" });
    for (const message of this.standing.values()) this.transmit(message);
    this.transmit({ aid: "peek_message" });
  }

  received(text) {
    this.heard = performance.now();
    this.patience = FIRST_PATIENCE_MS;
    const frame = JSON.parse(text);
    for (const watcher of this.watchers) watcher("in", text);
    if (frame.aid === "rtn_data") {
      if (this.fresh) this.tree = {};
      this.fresh = false;
      for (const patch of frame.data) merge(this.tree, patch);
      this.transmit({ aid: "peek_message" });
      this.retry = FIRST_RETRY_MS;
    }
    this.become("live");
    this.draw();
  }

  closed() {
    this.become("lost");
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.connect(), this.retry);
    this.retry = Math.min(this.retry * 2, LAST_RETRY_MS);
  }

  /** Ask for a sign of life; without one the figures are shown as old, within 3 s. */
  check() {
    const now = performance.now();
    if (this.socket.readyState === WebSocket.OPEN && now - (this.asked || 0) > ASK_MS) {
      this.asked = now;
      this.socket.send('{"aid":"ping"}');
    }
    const since = now - Math.max(this.heard, this.began);
    if (this.socket.readyState === WebSocket.CLOSED || since <= SILENCE_MS) return;
    this.become("lost");
    const isNew = this.heard < this.began;
    if (since > (isNew ? this.patience : 2 * SILENCE_MS)) this.reopen();
  }

  reopen() {
    if (this.heard < this.began) this.patience = Math.min(this.patience * 2, LAST_PATIENCE_MS);
    const old = this.socket;
    this.connect();
    old.close();
  }

  become(state) {
    if (this.state === state) return;
    this.state = state;
    this.draw();
  }

  transmit(message) {
    if (this.socket.readyState !== WebSocket.OPEN) return false;
    const text = JSON.stringify(message);
    if (message.aid !== "peek_message") for (const watcher of this.watchers) watcher("out", text);
    this.socket.send(text);
    return true;
  }

  /** A message that holds until replaced, sent again on each new line. */
  keep(name, message) {
    if (JSON.stringify(this.standing.get(name)) === JSON.stringify(message)) return;
    this.standing.set(name, message);
    this.transmit(message);
  }

  draw() {
    if (this.drawing) return;
    this.drawing = true;
    requestAnimationFrame(() => {
      this.drawing = false;
      for (const listener of this.listeners) listener(this);
    });
  }
}

/** Grey the figures and say so while the line is lost. */
export function showLink(store) {
  const texts = { live: _("live"), wait: _("connecting…"), lost: _("Connection lost: these figures are old") };
  const link = byId("link");
  if (link.dataset.state === store.state) return;
  link.dataset.state = store.state;
  link.textContent = texts[store.state];
  document.body.classList.toggle("is-behind", store.state !== "live");
}
