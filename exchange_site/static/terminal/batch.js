// Many orders at once, pasted or from a CSV file: each row says what became of it (O-54).
import { _, byId, h, replace, setup } from "./dom.js";
import { get, newId, post } from "./api.js";
import { chosenAccount } from "./chosen.js";

const MOST = 500; // as many as one request takes
const PLAIN = ["instrument_id", "direction", "offset", "volume", "price"];
const NAMES = new Set([...PLAIN, "order_type", "time_condition", "volume_condition", "min_volume", "gtd_date", "client_tag"]);
const WORDS = {
  买: "BUY", 买入: "BUY", 卖: "SELL", 卖出: "SELL", B: "BUY", S: "SELL",
  开: "OPEN", 开仓: "OPEN", 平: "CLOSE", 平仓: "CLOSE", 平今: "CLOSETODAY", 平昨: "CLOSEYESTERDAY",
};
let rows = [];

/** Lines of cells, parted by commas, semicolons or tabs; quotes as in CSV. */
function cellsOf(text) {
  return text.replace(/^\ufeff/, "").split(/\r?\n/).filter((line) => line.trim()).map((line) => {
    const found = [];
    for (const [, quoted, plain] of line.matchAll(/(?:^|[,;\t])\s*(?:"((?:[^"]|"")*)"|([^,;\t]*))/g)) {
      found.push((quoted === undefined ? plain : quoted.replaceAll('""', '"')).trim());
    }
    return found;
  });
}

/** Orders of a text; the first line may name the columns. */
function parsed(text) {
  const lines = cellsOf(text);
  const named = lines.length && lines[0].some((cell) => NAMES.has(cell.toLowerCase()));
  const names = named ? lines[0].map((cell) => cell.toLowerCase()) : PLAIN;
  return lines.slice(named ? 1 : 0).map((cells) => row(names, cells));
}

function row(names, cells) {
  const order = {};
  let fault = cells.length > names.length ? _("More cells than columns") : "";
  names.forEach((name, n) => {
    const cell = cells[n];
    if (!NAMES.has(name)) fault ||= `${_("Unknown column:")} ${name}`;
    else if (cell) order[name] = ["direction", "offset"].includes(name) ? WORDS[cell] || WORDS[cell.toUpperCase()] || cell.toUpperCase() : cell;
  });
  return { order, fault: fault || faultOf(order), state: "", id: newId() };
}

/** What the exchange would refuse for its form alone. */
function faultOf(order) {
  if (!order.instrument_id) return _("The instrument is missing");
  if (!["BUY", "SELL"].includes(order.direction)) return _("The direction must be BUY or SELL");
  if (!["OPEN", "CLOSE", "CLOSETODAY", "CLOSEYESTERDAY"].includes(order.offset)) return _("The offset must be OPEN, CLOSE, CLOSETODAY or CLOSEYESTERDAY");
  if (!/^[1-9]\d{0,6}$/.test(order.volume || "")) return _("The volume must be a whole number of lots");
  if (order.price === undefined && (order.order_type || "LIMIT") === "LIMIT") return _("The price is missing");
  if (order.price !== undefined && !/^\d+(\.\d+)?$/.test(order.price)) return _("The price must be a number above zero");
  return "";
}

function show() {
  const line = ({ order, fault, state, isGood }, n) => h("tr", {}, h("td", { class: "n" }, String(n + 1)),
    h("td", { class: "wrap" }, Object.values(order).join(" · ")),
    h("td", { class: `wrap ${isGood ? "good" : fault || state ? "bad" : "dim"}` }, state || fault || _("not sent")));
  replace(byId("batch-rows"), ...rows.map(line));
  byId("batch-table").hidden = !rows.length;
  byId("batch-send").disabled = !rows.some((each) => !each.fault && !each.isGood);
}

function read() {
  rows = parsed(byId("batch-text").value);
  byId("batch-said").textContent = "";
  show();
}

async function send(account, some) {
  const orders = some.map(({ order, id }) => ({ ...order, volume: Number(order.volume), account_id: account, order_id: id }));
  const { results } = await post("/api/order/submit-batch", { orders });
  for (const { index, success, pending, error } of results) {
    const each = some[index];
    each.isGood = success && !pending;
    if (success) each.state = pending ? _("no verdict yet: send again, nothing is placed twice") : _("placed");
    else each.state = `${error.message} (${error.code})`;
  }
}

async function sendAll() {
  const said = byId("batch-said");
  byId("batch-send").disabled = true;
  said.textContent = "";
  try {
    const { items } = await get(`/api/user/${setup.user_id}/accounts?page_size=100`);
    const account = chosenAccount(items);
    if (!account) throw new Error(_("Open an account first"));
    const due = rows.filter((each) => !each.fault && !each.isGood);
    for (let n = 0; n < due.length; n += MOST) await send(account, due.slice(n, n + MOST));
    said.textContent = `${_("Orders placed:")} ${rows.filter((each) => each.isGood).length} / ${rows.length}`;
  } catch (error) {
    // Each row keeps its order id: sent again, what was placed is not placed twice.
    for (const each of rows) if (!each.fault && !each.isGood && !each.state) each.state = error.status === 0 ? _("no answer: send again, nothing is placed twice") : "";
    said.textContent = error.message;
  }
  show();
}

byId("batch-text").addEventListener("input", read);
byId("batch-file").addEventListener("change", async (event) => {
  const [file] = event.target.files;
  if (!file) return;
  byId("batch-text").value = (await file.text()).slice(0, 500_000);
  read();
});
byId("batch").addEventListener("submit", (event) => {
  event.preventDefault();
  sendAll();
});
show();
