// Five levels with click to price, and time and sales.
import { byId, fillRows, h, isNumber, price, sign, time, whole } from "./dom.js";
import { query } from "./api.js";

const LEVELS = 5;
const TAPE = 40;
const ROWS = [...Array.from({ length: LEVELS }, (none, n) => ["ask", LEVELS - n]), ...Array.from({ length: LEVELS }, (none, n) => ["bid", n + 1])];

export class Book {
  constructor(app) {
    this.app = app;
    this.body = byId("book").tBodies[0];
    this.tape = byId("tape").tBodies[0];
    this.trades = [];
    this.volume = -1;
  }

  show(symbol) {
    this.trades = [];
    this.volume = -1;
    this.symbol = symbol;
  }

  draw() {
    const quote = this.app.quote;
    fillRows(this.body, ROWS, ([side, level]) => side + level, (row) => this.cells(row), (row) => this.line(row));
    const change = isNumber(quote.last_price) ? quote.last_price - quote.pre_settlement : 0;
    byId("symbol-last").textContent = price(quote.last_price, quote.price_decs);
    byId("symbol-last").className = `last ${sign(change)}`;
    if (isNumber(quote.volume) && quote.volume !== this.volume) this.follow(quote.volume);
    fillRows(this.tape, this.trades, (row) => row.trade_id, (row) => [
      [time(row.timestamp), "dim"], [price(row.price, quote.price_decs), `n ${row.direction === "SELL" ? "down" : "up"}`], [whole(row.volume), "n"],
    ], () => h("tr", {}, h("td"), h("td"), h("td")));
  }

  cells([side, level]) {
    const quote = this.app.quote;
    const style = side === "ask" ? "down" : "up";
    const lots = quote[`${side}_volume${level}`];
    return [[`${side === "ask" ? "▼" : "▲"} ${level}`, "dim"], [price(quote[`${side}_price${level}`], quote.price_decs), `n ${style}`], [lots ? whole(lots) : "–", "n"]];
  }

  line([side, level]) {
    const choose = () => this.app.entry.take(this.app.quote[`${side}_price${level}`]);
    return h("tr", { class: side === "bid" && level === 1 ? "between" : null, onclick: choose }, h("td"),
      h("td", {}, h("button", { type: "button", "data-text": true })), h("td"));
  }

  /** The tape follows the traded volume: read once more when it has changed. */
  async follow(volume) {
    if (this.reading) return;
    this.reading = true;
    const symbol = this.symbol;
    try {
      const { items } = await query(`/api/market/recent-trades/${encodeURIComponent(symbol)}`, { limit: TAPE });
      if (symbol === this.symbol) [this.trades, this.volume] = [items, volume];
    } catch {
      this.volume = volume; // the next trade asks again
    }
    setTimeout(() => { this.reading = false; this.app.store.draw(); }, 300);
  }
}
