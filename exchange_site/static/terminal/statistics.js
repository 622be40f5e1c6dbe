// Statistics of the account: sums of its trades by day, week, month or instrument; profit, drawdown, Sharpe.
import { _, h, isNumber, money, percent, sign, whole } from "./dom.js";
import { query } from "./api.js";

const WAYS = { day: _("Trading day"), week: _("Week"), month: _("Month"), instrument: _("Instrument") };
const KEY = "statistics";
const factor = (value) => (isNumber(value) ? value.toFixed(2) : "–");
let by = Object.hasOwn(WAYS, localStorage.getItem(KEY) || "") ? localStorage.getItem(KEY) : "day";

export async function statistics(app) {
  const account = { account_id: app.store.login };
  const [sums, days] = await Promise.all([query("/api/stats/trades", { ...account, by }), query("/api/stats/pnl", account)]);
  return h("div", {}, ways(app), figures(sums.total, days), table(sums.items));
}

function ways(app) {
  const choose = (name) => () => {
    by = name;
    localStorage.setItem(KEY, name);
    app.lists.forget(); // reads the list again
  };
  return h("div", { class: "toolbar", role: "group", "aria-label": _("Sums by") }, ...Object.entries(WAYS).map(([name, title]) =>
    h("button", { type: "button", class: "small", "aria-pressed": String(name === by), onclick: choose(name) }, title)));
}

function figures(total, days) {
  const shown = [
    [_("Trades"), whole(total.trades)], [_("Lots"), whole(total.volume)], [_("Turnover"), money(total.turnover)],
    [_("Commission"), money(total.commission)], [_("Closed profit"), money(total.close_profit)],
    [_("Win rate"), percent(total.win_rate)], [_("Profit factor"), factor(total.profit_factor)],
    [_("Profit of settled days"), money(days.total_profit)], [_("Largest drawdown"), percent(days.max_drawdown)], [_("Sharpe ratio"), factor(days.sharpe)],
  ];
  return h("dl", { class: "stats" }, ...shown.map(([name, text]) => h("div", {}, h("dt", {}, name), h("dd", {}, text))));
}

function table(rows) {
  if (!rows.length) return h("p", { class: "empty" }, _("No trade yet."));
  const titles = [[WAYS[by]], ...[_("Trades"), _("Lots"), _("Turnover"), _("Commission"), _("Closed profit"), _("Win rate"), _("Profit factor")].map((title) => [title, "n"])];
  const line = (row) => [
    [row.key], [whole(row.trades), "n"], [whole(row.volume), "n"], [money(row.turnover), "n"], [money(row.commission), "n"],
    [money(row.close_profit), `n ${sign(row.close_profit)}`], [percent(row.win_rate), "n"], [factor(row.profit_factor), "n"],
  ];
  return h("table", {}, h("thead", {}, h("tr", {}, ...titles.map(([text, style]) => h("th", { class: style }, text)))),
    h("tbody", {}, ...rows.map((row) => h("tr", {}, ...line(row).map(([text, style]) => h("td", { class: style }, text))))));
}
