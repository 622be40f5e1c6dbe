// The account's lists: positions, orders, trades from the socket; funds, curve, notices over REST.
import { _, byId, fillRows, h, replace, toast } from "./dom.js";
import { post } from "./api.js";
import { STATIC, readers } from "./readers.js";
import { LIVE } from "./columns.js";

const TABS = { ...LIVE, ...STATIC };
const READ_MS = 10_000;

export class Lists {
  constructor(app) {
    this.app = app;
    this.chosen = "positions";
    replace(byId("tabs"), ...Object.entries(TABS).map(([name, tab], n) => h("button", {
      type: "button", role: "tab", id: `tab-${name}`, "aria-controls": "list", "aria-selected": String(!n), tabindex: n ? -1 : 0,
      onclick: () => this.choose(name), onkeydown: (event) => this.onKey(event),
    }, tab.title)));
    this.choose("positions");
  }

  onKey(event) {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!by) return;
    const names = Object.keys(TABS);
    const next = names[(names.indexOf(this.chosen) + by + names.length) % names.length];
    this.choose(next);
    byId(`tab-${next}`).focus();
    event.preventDefault();
    event.stopPropagation();
  }

  choose(name) {
    this.chosen = name;
    for (const tab of byId("tabs").children) {
      const isIt = tab.id === `tab-${name}`;
      tab.setAttribute("aria-selected", String(isIt));
      tab.tabIndex = isIt ? 0 : -1;
    }
    byId("list").setAttribute("aria-labelledby", `tab-${name}`);
    clearTimeout(this.timer);
    replace(byId("list"));
    this.body = null;
    if (LIVE[name]) this.begin(LIVE[name]);
    else this.read();
    this.app.store.draw();
  }

  forget() {
    this.choose(this.chosen);
  }

  begin(tab) {
    this.body = h("tbody");
    this.empty = h("p", { class: "empty" }, tab.empty);
    const tools = name(tab) === "orders"
      ? h("div", { class: "toolbar" }, h("button", { type: "button", id: "cancel-all", onclick: () => this.cancelAll() }, _("Cancel all"))) : null;
    const head = tab.columns.map(([title, style]) => h("th", { class: style }, title));
    byId("list").append(...[tools, h("table", {}, h("thead", {}, h("tr", {}, ...head)), this.body), this.empty].filter(Boolean));
  }

  draw() {
    const tab = LIVE[this.chosen];
    if (!tab) return;
    const rows = tab.rows(this.app.store);
    this.empty.hidden = rows.length > 0;
    fillRows(this.body, rows, tab.key, (row) => tab.cells(row, this.app), (row) => tab.line(row, this));
  }

  async read() {
    const name = this.chosen;
    try {
      const content = await readers[name](this.app);
      if (name === this.chosen) replace(byId("list"), content);
    } catch (error) {
      if (name === this.chosen) replace(byId("list"), h("p", { class: "said" }, error.message));
    }
    if (name !== this.chosen) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.read(), READ_MS);
  }

  /** Do it; a refusal is said where it was asked for. */
  async attempt(work, say = (text) => toast(text, true)) {
    try {
      await work();
    } catch (error) {
      say(error.message);
    }
  }

  cancel(order) {
    this.attempt(() => post("/api/order/cancel", { account_id: this.app.store.login, order_id: order.order_id }));
  }

  cancelAll() {
    return this.attempt(async () => {
      const { cancelled } = await post("/api/order/cancel-all", { account_id: this.app.store.login });
      toast(`${_("Orders cancelled:")} ${cancelled}`);
    });
  }

  close(row, then) {
    this.attempt(async () => {
      await post("/api/order/close", { account_id: this.app.store.login, instrument_id: row.symbol, side: row.side });
      if (then) await then();
    });
  }

  /** Close a side at the market and open as many lots the other way. */
  reverse(row) {
    const again = { account_id: this.app.store.login, instrument_id: row.symbol, direction: row.side === "LONG" ? "SELL" : "BUY", offset: "OPEN", volume: row.volume, order_type: "ANY", time_condition: "IOC" };
    this.close(row, () => post("/api/order/submit", again));
  }
}

const name = (tab) => Object.keys(LIVE).find((each) => LIVE[each] === tab);
