// Conditional orders: the account's list, and what may be done to each (T-70).
import { _, h, moment, price, whole } from "./dom.js";
import { post, query, remove } from "./api.js";

export const CONDITIONAL = { STOP_LOSS: _("Stop loss"), TAKE_PROFIT: _("Take profit"), TOUCH: _("Touch"), TRAILING: _("Trailing stop"), OCO: _("Stop and target (OCO)") };
const KINDS = { ...CONDITIONAL, TIME: _("At a time"), MARKET_OPEN: _("At the open"), PRICE_RANGE: _("In a price range"), BREAK_EVEN: _("Break even") };
const STATES = { WAITING: _("Waiting"), SUSPENDED: _("Paused"), TRIGGERED: _("Triggered"), CANCELLED: _("Cancelled"), EXPIRED: _("Expired"), FAILED: _("Failed") };
const WORDS = { BUY: _("Buy"), SELL: _("Sell"), OPEN: _("Open"), CLOSE: _("Close out"), CLOSETODAY: _("Close today"), CLOSEYESTERDAY: _("Close history"), REVERSE: _("Reverse position"), LAST: _("Last"), BID: _("Bid"), ASK: _("Ask"), MARKET: _("At market") };
const SIGNS = { GE: "≥", LE: "≤", G: ">", L: "<" };
const PATH = "/api/conditional-orders";
const BUTTONS = {
  WAITING: [[_("Pause"), "suspend"], [_("Cancel"), "cancel"]],
  SUSPENDED: [[_("Go on"), "resume"], [_("Cancel"), "cancel"]],
};

const decimals = (app, symbol) => Math.max(2, app.store.tree.quotes?.[symbol]?.price_decs ?? 2);

function conditionText(app, one) {
  const shown = (value) => price(value, decimals(app, one.instrument_id));
  const source = WORDS[one.price_source] || one.price_source;
  if (one.kind === "TIME") return moment(one.time);
  if (one.kind === "MARKET_OPEN") return KINDS.MARKET_OPEN;
  if (one.kind === "PRICE_RANGE") return `${source} ${shown(one.price)} … ${shown(one.price2)}`;
  if (one.kind === "TRAILING") return `${source} ${one.relation === "LE" ? "↓" : "↑"} ${shown(one.price)}`;
  return `${source} ${SIGNS[one.relation] || ""} ${shown(one.price)}`;
}

function orderText(app, one) {
  const lots = one.close_all ? _("all lots") : one.volume ? `${whole(one.volume)} ×` : "";
  const at = one.order_type === "LIMIT" ? price(one.price, decimals(app, one.instrument_id)) : WORDS[one.order_type] || one.order_type;
  return `${WORDS[one.direction]} ${WORDS[one.offset] || one.offset} ${lots} ${at}`;
}

function buttons(app, row) {
  const made = (BUTTONS[row.status] || []).map(([text, what]) => h("button", {
    type: "button", class: "small", "aria-label": `${text} ${row.order_id}`, onclick: () => change(app, row, what),
  }, text));
  return h("span", { class: "acts" }, ...made.flatMap((each) => [each, " "]));
}

function change(app, row, what) {
  const terms = new URLSearchParams({ account_id: row.account_id, order_id: row.order_id });
  const path = `${PATH}/${encodeURIComponent(row.order_id)}/${what}?${terms}`;
  return app.lists.attempt(async () => {
    await (what === "cancel" ? remove(`${PATH}?${terms}`) : post(path));
    await app.lists.read();
  });
}

function line(app, row) {
  const cells = [
    [moment(row.insert_time), "dim"], [row.orders[0]?.instrument_id || ""], [KINDS[row.kind] || row.kind], [STATES[row.status] || row.status], [buttons(app, row)],
    [row.conditions.map((one) => conditionText(app, one)).join(row.needs_all ? " & " : " | ")],
    [row.orders.map((one) => orderText(app, one)).join(", ")], [row.reason, "wrap"],
  ];
  return h("tr", {}, ...cells.map(([text, style]) => h("td", { class: style }, text)));
}

/** The tab's content, newest first. */
export async function conditionals(app) {
  const { items } = await query(PATH, { account_id: app.store.login });
  if (!items.length) return h("p", { class: "empty" }, _("No conditional order."));
  const titles = [_("Time"), _("Instrument"), _("Kind"), _("State"), _("Action"), _("When"), _("Then"), _("Message")];
  return h("table", { id: "conditionals" }, h("thead", {}, h("tr", {}, ...titles.map((title) => h("th", {}, title)))),
    h("tbody", {}, ...items.map((row) => line(app, row))));
}

/** Read the list again as soon as the socket tells of a change. */
export function followConditionals(app) {
  app.store.watchers.add((way, text) => {
    if (way === "in" && text.startsWith('{"aid":"rtn_condition_orders"') && app.lists.chosen === "conditional") app.lists.read();
  });
}
