// Order entry: what the server would refuse is refused here first, what it refuses is said here.
import { _, byId, h, isNumber, money, percent, replace } from "./dom.js";
import { get, newId, post } from "./api.js";
import { CONDITIONAL } from "./conditionals.js";
import { Triggers, isConditional } from "./triggers.js";

const KINDS = { LIMIT: _("Limit"), ANY: _("At market"), BEST: _("Best price"), FIVELEVEL: _("Five levels") };
const TIMES = { GFD: _("Day"), IOC: _("Immediate or cancel"), FOK: _("All at once or cancel"), FAK: _("Minimum at once"), GFS: _("This section"), GTD: _("Until a date"), GTC: _("Until cancelled"), GFA: _("Auction") };
const OFFSETS = { OPEN: _("Open"), CLOSE: _("Close out"), CLOSETODAY: _("Close today"), CLOSEYESTERDAY: _("Close history") };
const TWO_KINDS = new Set(["SHFE", "INE"]); // closing there says which lots
const PREVIEW_MS = 350;
const [FIND_MS, FIND_TIMES] = [1000, 30];
const options = (texts) => Object.entries(texts).map(([value, text]) => h("option", { value }, text));

export class Entry {
  constructor(app) {
    this.app = app;
    this.offset = "OPEN";
    replace(byId("kind"), ...options(KINDS), h("optgroup", { label: _("Conditional orders") }, ...options(CONDITIONAL)));
    replace(byId("time"), ...options(TIMES));
    this.triggers = new Triggers(app, () => this.changed());
    for (const id of ["kind", "price", "volume", "time", "date", "least"]) byId(id).addEventListener("input", () => this.changed());
    byId("buy").addEventListener("click", () => this.send("BUY"));
    byId("sell").addEventListener("click", () => this.send("SELL"));
    byId("entry").addEventListener("submit", (event) => event.preventDefault());
    byId("price").addEventListener("keydown", (event) => this.onArrow(event));
    this.changed();
  }

  show() {
    byId("price").value = "";
    this.say("");
    this.choose("OPEN");
  }

  choose(offset) {
    this.offset = offset;
    this.changed();
  }

  take(price) {
    if (!isNumber(price)) return;
    const text = price.toFixed(this.app.quote.price_decs ?? 2);
    if (isConditional(byId("kind").value)) return this.triggers.take(text);
    byId("kind").value = "LIMIT";
    byId("price").value = text;
    this.changed();
  }

  onArrow(event) {
    const by = { ArrowUp: 1, ArrowDown: -1 }[event.key];
    const { price_tick: tick, last_price: last } = this.app.quote;
    if (!by || !isNumber(tick) || isConditional(byId("kind").value)) return;
    event.preventDefault();
    event.stopPropagation();
    const now = Number(byId("price").value) || last;
    if (isNumber(now)) this.take((Math.round(now / tick) + by) * tick);
  }

  changed() {
    const kind = byId("kind").value;
    byId("price").disabled = kind !== "LIMIT" && !isConditional(kind);
    if (isConditional(kind) && !this.wasConditional) byId("price").value = "";
    this.wasConditional = isConditional(kind);
    this.triggers.show(kind);
    byId("date-label").hidden = byId("time").value !== "GTD";
    byId("least-label").hidden = byId("time").value !== "FAK";
    const exchange = this.app.symbol.split(".")[0];
    const known = TWO_KINDS.has(exchange) ? ["OPEN", "CLOSETODAY", "CLOSEYESTERDAY"] : ["OPEN", "CLOSE"];
    if (!known.includes(this.offset)) this.offset = known[1];
    replace(byId("offsets"), ...known.map((value) => h("button", {
      type: "button", "data-offset": value, "aria-pressed": String(value === this.offset), onclick: () => this.choose(value),
    }, OFFSETS[value])));
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.preview(), PREVIEW_MS);
  }

  /** The order as REST takes it. */
  terms(direction) {
    const limit = byId("kind").value === "LIMIT";
    const time = byId("time").value;
    const found = {
      account_id: this.app.store.login, instrument_id: this.app.symbol, direction, offset: this.offset,
      volume: Number(byId("volume").value), order_type: byId("kind").value,
      time_condition: { FOK: "IOC", FAK: "IOC" }[time] || time,
      volume_condition: { FOK: "ALL", FAK: "MIN" }[time] || "ANY",
    };
    if (limit) found.price = byId("price").value.trim();
    if (!limit && time === "GFD" && !isConditional(found.order_type)) found.time_condition = "IOC";
    if (time === "FAK") found.min_volume = Number(byId("least").value);
    if (time === "GTD") found.gtd_date = Number(byId("date").value.replaceAll("-", ""));
    return found;
  }

  /** Why the server would refuse these terms; "" when nothing is known against them. */
  fault(terms) {
    const quote = this.app.quote;
    if (!terms.account_id) return _("Open an account first");
    if (this.app.store.state !== "live") return _("Not sent: the connection to the exchange is lost");
    if (!Number.isInteger(terms.volume) || terms.volume < 1) return _("The volume must be a whole number of lots");
    const most = terms.order_type === "LIMIT" ? quote.max_limit_order_volume : quote.max_market_order_volume;
    if (most && terms.volume > most) return `${_("Largest volume of an order:")} ${most}`;
    if (terms.order_type === "LIMIT") return this.priceFault(terms.price, quote) || this.lotsFault(terms);
    return this.lotsFault(terms);
  }

  priceFault(text, quote) {
    const value = Number(text);
    if (!/^\d+(\.\d+)?$/.test(text) || !(value > 0)) return _("The price must be a number above zero");
    const ticks = value / quote.price_tick;
    if (Math.abs(ticks - Math.round(ticks)) > 1e-6) return `${_("The price must be a multiple of")} ${quote.price_tick}`;
    if (isNumber(quote.upper_limit) && value > quote.upper_limit) return `${_("Above the upper limit")} ${quote.upper_limit}`;
    if (isNumber(quote.lower_limit) && value < quote.lower_limit) return `${_("Below the lower limit")} ${quote.lower_limit}`;
    return "";
  }

  lotsFault(terms) {
    if (terms.offset === "OPEN" || !terms.direction) return "";
    const free = this.free(terms.direction === "SELL" ? "long" : "short", terms.offset);
    return terms.volume > free ? `${_("Lots free to close:")} ${free}` : "";
  }

  /** Lots of a side that an offset may close. */
  free(side, offset) {
    const row = this.app.store.trade.positions?.[this.app.symbol] || {};
    const today = (row[`volume_${side}_today`] || 0) - (row[`volume_${side}_frozen_today`] || 0);
    const history = (row[`volume_${side}_his`] || 0) - (row[`volume_${side}_frozen_his`] || 0);
    return { CLOSETODAY: today, CLOSEYESTERDAY: history, CLOSE: today + history }[offset];
  }

  /** A conditional order: kept by the exchange until it triggers. */
  async keep(kind, direction) {
    const terms = this.triggers.terms(kind, direction, this.terms(direction));
    const isOff = !terms.account_id || this.app.store.state !== "live";
    const fault = isOff ? this.fault(terms) : this.triggers.fault(terms);
    this.say(fault);
    if (!fault) await this.triggers.send(terms, (text, isGood) => this.say(text, isGood));
  }

  async send(direction) {
    const kind = byId("kind").value;
    if (isConditional(kind)) return this.keep(kind, direction);
    const terms = this.terms(direction);
    const fault = this.fault(terms);
    if (fault) return this.say(fault);
    this.say("");
    const id = newId();
    try {
      this.placed(await post("/api/order/submit", { ...terms, order_id: id }));
    } catch (error) {
      if (error.status) this.say(error.message);
      else await this.find(terms, id, FIND_TIMES);
    }
  }

  placed(order) {
    if (order.status === "PendingRisk") this.say(`${_("No verdict yet, see the orders:")} ${order.order_id}`);
    else this.say(`${_("Order placed:")} ${order.volume} × ${order.instrument_id}`, true);
  }

  /** The answer was lost on its way: ask what became of the order until the exchange can tell. */
  async find(terms, id, times) {
    this.say(_("No answer: it is not known whether the order was placed. Asking…"));
    try {
      const order = await get(`/api/order/${id}?account_id=${encodeURIComponent(terms.account_id)}`);
      this.placed(order);
    } catch (error) {
      if (error.status === 404 && times < FIND_TIMES - 2) return this.say(_("The exchange does not know the order: it was not placed"));
      if (times > 1) return setTimeout(() => this.find(terms, id, times - 1), FIND_MS);
      this.say(_("Not known whether the order was placed: look at the orders before you send it again"));
    }
  }

  say(text, isGood = false) {
    byId("said").textContent = text;
    byId("said").classList.toggle("good", isGood);
  }

  /** Margin and fee as the matching worker itself would take them. */
  async preview() {
    const terms = this.terms(this.offset === "OPEN" ? "BUY" : this.free("long", this.offset) ? "SELL" : "BUY");
    if (isConditional(terms.order_type) || this.fault(terms)) return replace(byId("cost"));
    let cost;
    try {
      cost = await post("/api/order/check", terms);
    } catch {
      return replace(byId("cost"));
    }
    const figures = [[_("Margin"), money(cost.margin)], [_("Fee"), money(cost.commission)], [_("Available after"), money(cost.available_after)], [_("Risk after"), percent(cost.risk_ratio_after)]];
    if (cost.code) replace(byId("cost"), h("div", { class: "risk-2" }, `${cost.message} (${cost.code})`));
    else replace(byId("cost"), ...figures.map(([name, text]) => h("div", {}, h("dt", {}, name), h("dd", {}, text))));
  }

  draw() {
    const row = this.app.store.trade.positions?.[this.app.symbol];
    const side = (name, word) => {
      const [today, history] = [row[`volume_${name}_today`], row[`volume_${name}_his`]];
      return today + history ? `${word}: ${today} ${_("today")} + ${history} ${_("history")}` : "";
    };
    const text = row ? [side("long", _("Long")), side("short", _("Short"))].filter(Boolean).join(" · ") : "";
    if (byId("lots").textContent !== text) byId("lots").textContent = text;
    const isOff = this.app.store.state !== "live" || !this.app.store.login;
    byId("buy").disabled = byId("sell").disabled = isOff;
    const word = { CONTINOUS: _("trading"), AUCTIONORDERING: _("auction"), NOTRADING: _("closed") }[this.app.store.tree.trading_status?.[this.app.symbol]?.trade_status] || "";
    byId("symbol-phase").textContent = word;
    const isEmpty = !byId("price").value && !isConditional(byId("kind").value);
    if (isEmpty && isNumber(this.app.quote.last_price)) this.take(this.app.quote.last_price);
  }
}
