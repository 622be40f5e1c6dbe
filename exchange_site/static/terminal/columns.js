// Lists that live on the socket: their rows, columns and buttons.
import { _, h, isNumber, money, price, sign, time, whole } from "./dom.js";
import { inWords } from "./words.js";

const NANO_PER_MS = 1e6;
const KINDS = { ANY: _("At market"), BEST: _("Best price"), FIVELEVEL: _("Five levels") };
const symbolOf = (row) => `${row.exchange_id}.${row.instrument_id}`;
const WORDS = { BUY: _("Buy"), SELL: _("Sell"), OPEN: _("Open"), CLOSE: _("Close out"), CLOSETODAY: _("Close today"), CLOSEYESTERDAY: _("Close history"), LONG: _("Long"), SHORT: _("Short"), ALIVE: _("Working"), FINISHED: _("Finished") };
const way = (row) => [`${WORDS[row.direction]} ${WORDS[row.offset] || ""}`, row.direction === "BUY" ? "up" : "down"];
const decimals = (app, symbol) => app.store.tree.quotes?.[symbol]?.price_decs;
const button = (text, work, label) => h("button", { type: "button", class: "small", onclick: work, "aria-label": label }, text);
const cellsOf = (count) => Array.from({ length: count }, () => h("td"));
const number = (title) => [title, "n"];

function sides(store) {
  const found = [];
  for (const [symbol, row] of Object.entries(store.trade.positions || {})) {
    for (const side of ["long", "short"]) {
      if (row[`volume_${side}`]) found.push({ symbol, side: side.toUpperCase(), volume: row[`volume_${side}`], today: row[`volume_${side}_today`], history: row[`volume_${side}_his`], open: row[`open_price_${side}`], profit: row[`float_profit_${side}`], margin: row[`margin_${side}`], last: row.last_price });
    }
  }
  return found.sort((a, b) => (a.symbol < b.symbol ? -1 : 1));
}

const orders = (store) => Object.values(store.trade.orders || {}).sort((a, b) => b.insert_date_time - a.insert_date_time);

const positions = {
  title: _("Positions"), empty: _("No position."),
  columns: [[_("Instrument")], [_("Side")], number(_("Lots")), number(_("Today")), number(_("History")), number(_("Open price")), number(_("Last")), number(_("Float profit")), number(_("Margin")), [_("Action")]],
  rows: sides,
  key: (row) => `${row.symbol} ${row.side}`,
  cells: (row, app) => [
    [row.symbol], [WORDS[row.side], row.side === "LONG" ? "up" : "down"], [row.volume, "n"], [row.today, "n"], [row.history, "n"],
    [price(row.open, Math.max(2, decimals(app, row.symbol) ?? 2)), "n"], [price(row.last, decimals(app, row.symbol)), "n"],
    [money(row.profit), `n ${sign(row.profit)}`], [money(row.margin), "n"],
  ],
  line: (row, lists) => {
    const now = () => sides(lists.app.store).find((each) => each.symbol === row.symbol && each.side === row.side);
    return h("tr", { onclick: () => lists.app.select(row.symbol) }, ...cellsOf(9), h("td", {},
      button(_("Close position"), () => lists.close(now()), `${_("Close position")} ${row.symbol}`), " ", button(_("Reverse position"), () => lists.reverse(now()), `${_("Reverse position")} ${row.symbol}`)));
  },
};

const orderColumns = [[_("Time")], [_("Instrument")], [_("Direction")], number(_("Price")), number(_("Lots")), number(_("Left")), [_("State")], [_("Message")]];
const orderCells = (row, app) => [
  [time(row.insert_date_time / NANO_PER_MS), "dim"], [symbolOf(row)], way(row),
  [row.price_type === "LIMIT" ? price(row.limit_price, decimals(app, symbolOf(row))) : KINDS[row.price_type] || row.price_type, "n"],
  [whole(row.volume_orign), "n"], [whole(row.volume_left), "n"], [WORDS[row.status] || row.status], [inWords(row.last_msg), "wrap"],
];

const working = {
  title: _("Working orders"), empty: _("No working order."),
  columns: [...orderColumns, [_("Action")]],
  rows: (store) => orders(store).filter((row) => row.status === "ALIVE"),
  key: (row) => row.order_id,
  cells: orderCells,
  line: (row, lists) => h("tr", {}, ...cellsOf(8), h("td", {}, button(_("Cancel"), () => lists.cancel(row), `${_("Cancel")} ${row.order_id}`))),
};

const all = {
  title: _("All orders"), empty: _("No order today."), columns: orderColumns,
  rows: (store) => orders(store).slice(0, 300), key: (row) => row.order_id, cells: orderCells,
  line: () => h("tr", {}, ...cellsOf(8)),
};

const trades = {
  title: _("Trades"), empty: _("No trade today."),
  columns: [[_("Time")], [_("Instrument")], [_("Direction")], number(_("Price")), number(_("Lots")), number(_("Commission")), [_("Order number")]],
  rows: (store) => Object.values(store.trade.trades || {}).sort((a, b) => b.trade_date_time - a.trade_date_time).slice(0, 300),
  key: (row) => row.trade_id,
  cells: (row, app) => [
    [time(row.trade_date_time / NANO_PER_MS), "dim"], [symbolOf(row)], way(row), [price(row.price, decimals(app, symbolOf(row))), "n"],
    [whole(row.volume), "n"], [isNumber(row.commission) ? money(row.commission) : "–", "n"], [row.order_id, "wrap dim"],
  ],
  line: () => h("tr", {}, ...cellsOf(7)),
};

export const LIVE = { positions, orders: working, all, trades };
