// Lists that are read over REST when they are opened.
import { _, h, moment, money, sign } from "./dom.js";
import { Refusal, get } from "./api.js";
import { conditionals } from "./conditionals.js";
import { statistics } from "./statistics.js";

export const STATIC = {
  funds: { title: _("Funds") },
  conditional: { title: _("Conditional orders") },
  statements: { title: _("Statements") },
  curve: { title: _("Equity curve") },
  statistics: { title: _("Statistics") },
  notices: { title: _("Notifications") },
};

function table(columns, rows, empty) {
  if (!rows.length) return h("p", { class: "empty" }, empty);
  const cell = ([text, style]) => h("td", { class: style }, text);
  return h("table", {}, h("thead", {}, h("tr", {}, ...columns.map(([text, style]) => h("th", { class: style }, text)))),
    h("tbody", {}, ...rows.map((row) => h("tr", {}, ...row.map(cell)))));
}

const number = (title) => [title, "n"];
const account = (app, what) => `/api/account/${encodeURIComponent(app.store.login)}/${what}`;

const FLOWS = {
  deposit: _("Deposit"), withdrawal: _("Withdrawal"), transfer: _("Bank transfer"), commission: _("Commission"),
  pnl: _("Closed profit"), settlement: _("Settlement"), reversal: _("Reversal"),
};

async function funds(app) {
  const { items } = await get(account(app, "flows"));
  return table([[_("Time")], [_("Kind")], number(_("Amount")), number(_("Balance after")), [_("Remark")]],
    items.map((row) => [[moment(row.timestamp), "dim"], [FLOWS[row.kind] || row.kind], [money(row.amount), `n ${sign(row.amount)}`], [money(row.balance_after), "n"], [row.remark || "", "wrap"]]),
    _("No movement of money."));
}

async function notices() {
  const { items } = await get("/api/notifications");
  return table([[_("Time")], [_("Notification")]],
    items.toReversed().map((row) => [[moment(row.timestamp), "dim"], [row.text, "wrap"]]), _("No notification."));
}

async function statements(app) {
  const { items } = await get(account(app, "statements"));
  const link = (day, format) => h("a", { href: `${account(app, `statements/${day}`)}?format=${format}` }, format);
  return table([[_("Trading day")], number(_("Equity")), [_("Files")]],
    items.map((row) => [[row.date], [money(row.balance), "n"], [h("span", {}, link(row.date, "text"), " ", link(row.date, "csv"), " ", link(row.date, "pdf"))]]),
    _("No day is settled yet."));
}

async function curve(app) {
  const answer = await get(account(app, "curve"));
  const points = answer.days.map((row) => [row.date, row.balance]);
  const path = answer.today.map((row) => [row.timestamp, row.balance]);
  const values = [...points, ...path];
  return values.length > 1 ? drawn(values) : h("p", { class: "empty" }, _("No day is settled yet."));
}

function drawn(values) {
  const numbers = values.map(([, value]) => value);
  const [low, high] = [Math.min(...numbers), Math.max(...numbers)];
  const y = (value) => (high > low ? 190 - ((value - low) / (high - low)) * 180 : 100);
  const line = numbers.map((value, n) => `${((n / (numbers.length - 1)) * 1000).toFixed(1)},${y(value).toFixed(1)}`).join(" ");
  const make = (tag, given) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(given)) element.setAttribute(name, value);
    return element;
  };
  const image = make("svg", { viewBox: "0 0 1000 200", preserveAspectRatio: "none", class: "curve", role: "img", "aria-label": _("Equity curve") });
  image.append(make("polyline", { points: line, fill: "none", stroke: "currentColor", "stroke-width": 2 }));
  return h("div", {}, h("p", {}, `${money(numbers.at(0))} → ${money(numbers.at(-1))}`), image);
}

/** A list this exchange does not serve says so instead of failing. */
function orAbsent(read) {
  return async (app) => {
    if (!app.store.login) return h("p", { class: "empty" }, _("Open an account first"));
    try {
      return await read(app);
    } catch (error) {
      if (error instanceof Refusal && error.code === 9007) return h("p", { class: "empty" }, _("This exchange does not serve this list."));
      throw error;
    }
  };
}

export const readers = { funds: orAbsent(funds), notices: orAbsent(notices), statements: orAbsent(statements), curve: orAbsent(curve), statistics: orAbsent(statistics), conditional: orAbsent(conditionals) };
