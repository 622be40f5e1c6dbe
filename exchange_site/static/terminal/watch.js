// Watch list with search; kept in this browser.
import { _, byId, fillRows, h, isNumber, price, replace, sign } from "./dom.js";
import { search } from "./listing.js";

const KEY = "watch";
const FIRST = 12;
const MOST = 50;

export class Watch {
  constructor(app) {
    this.app = app;
    this.symbols = [];
    this.body = byId("watch").tBodies[0];
    const input = byId("search");
    input.addEventListener("input", () => this.find(input.value));
    input.addEventListener("keydown", (event) => this.onKey(event));
  }

  async begin(rows) {
    const known = new Set(rows.map((row) => row.symbol));
    const kept = JSON.parse(localStorage.getItem(KEY) || "[]").filter((symbol) => known.has(symbol));
    this.symbols = kept.length ? kept : rows.slice(0, FIRST).map((row) => row.symbol);
    const last = localStorage.getItem("symbol");
    this.app.select(known.has(last) ? last : this.symbols[0]);
    this.subscribe();
  }

  subscribe() {
    const held = Object.entries(this.app.store.trade.positions || {})
      .filter(([, row]) => row.volume_long || row.volume_short).map(([symbol]) => symbol);
    const all = [...new Set([...this.symbols, this.app.symbol, ...held])].filter(Boolean);
    this.app.store.keep("quotes", { aid: "subscribe_quote", ins_list: all.join(",") });
  }

  async find(text) {
    const rows = text.trim() ? await search(text) : [];
    const list = byId("found");
    list.hidden = !rows.length;
    replace(list, ...rows.map((row) => h("li", {}, h("button", { type: "button", onclick: () => this.take(row.symbol) },
      h("span", {}, row.symbol), h("span", { class: "dim" }, row.name)))));
  }

  onKey(event) {
    const first = byId("found").querySelector("button");
    if (event.key === "Enter" && first) first.click();
    if (event.key === "ArrowDown" && first) first.focus();
    if (event.key === "Escape") this.close();
  }

  close() {
    byId("search").value = "";
    byId("found").hidden = true;
    byId("search").blur();
  }

  take(symbol) {
    if (!this.symbols.includes(symbol)) this.symbols = [symbol, ...this.symbols].slice(0, MOST);
    this.keep();
    this.app.select(symbol);
    this.close();
  }

  remove(symbol) {
    this.symbols = this.symbols.filter((each) => each !== symbol);
    this.keep();
  }

  keep() {
    localStorage.setItem(KEY, JSON.stringify(this.symbols));
    this.subscribe();
    this.app.store.draw();
  }

  /** The neighbour in the list, for the arrow keys. */
  step(by) {
    const index = this.symbols.indexOf(this.app.symbol);
    this.app.select(this.symbols[Math.min(this.symbols.length - 1, Math.max(0, index + by))]);
  }

  draw() {
    this.subscribe();
    fillRows(this.body, this.symbols, (symbol) => symbol, (symbol) => this.cells(symbol), (symbol) => this.line(symbol));
    for (const line of this.body.children) line.classList.toggle("chosen", line.dataset.key === this.app.symbol);
  }

  cells(symbol) {
    const quote = this.app.store.tree.quotes?.[symbol] || {};
    const change = isNumber(quote.last_price) ? quote.last_price / quote.pre_settlement - 1 : NaN;
    const style = `n ${sign(change)}`;
    return [[symbol], [price(quote.last_price, quote.price_decs), style], [isNumber(change) ? (change * 100).toFixed(2) : "–", style], ["×"]];
  }

  line(symbol) {
    const remove = (event) => { event.stopPropagation(); this.remove(symbol); };
    return h("tr", { onclick: () => this.app.select(symbol) },
      h("td", {}, h("button", { type: "button", class: "pickable", "data-text": true })), h("td"), h("td"),
      h("td", {}, h("button", { type: "button", class: "drop", "data-text": true, "aria-label": `${_("Remove")} ${symbol}`, onclick: remove })));
  }
}
