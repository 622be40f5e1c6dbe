// Notifies of the socket as toasts, announcements on top of the page.
import { _, byId, h, replace, toast } from "./dom.js";
import { get } from "./api.js";
import { noteText } from "./words.js";

const READ_MS = 60_000;
const LOGGED_IN = 401;

export class News {
  constructor(app) {
    this.app = app;
    this.told = new Set();
    this.read();
  }

  /** A notify is said once; the tree keeps it. */
  draw() {
    for (const [id, note] of Object.entries(this.app.store.tree.notify || {})) {
      if (this.told.has(id)) continue;
      this.told.add(id);
      if (note.code !== LOGGED_IN) toast(noteText(note), note.level !== "INFO");
    }
  }

  async read() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.read(), READ_MS);
    try {
      const { items } = await get("/api/announcements");
      const closed = JSON.parse(localStorage.getItem("announcements") || "[]");
      replace(byId("announcements"), ...items.filter((row) => !closed.includes(row.id)).map((row) => this.line(row, closed)));
    } catch {
      // shown again with the next reading
    }
  }

  line(row, closed) {
    const close = () => {
      localStorage.setItem("announcements", JSON.stringify([...closed, row.id].slice(-200)));
      this.read();
    };
    return h("div", { class: "announcement" }, h("div", {}, h("b", {}, row.title), ` ${row.text}`),
      h("button", { type: "button", class: "small", onclick: close, "aria-label": `${_("Hide")} ${row.title}` }, "×"));
  }
}
