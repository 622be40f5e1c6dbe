// The market's overview: the most traded instruments, live, and a search.
import { byId, fillRows, h, isNumber, price, sign, whole } from "./dom.js";
import { nameOf, search } from "./listing.js";
import { Store, showLink } from "./store.js";

const MOST = 40;
const store = new Store();
const body = byId("market").tBodies[0];
let shown = [];

async function choose() {
  shown = (await search(byId("search").value, MOST)).map((row) => row.symbol);
  store.keep("quotes", { aid: "subscribe_quote", ins_list: shown.join(",") });
  draw();
}

function cells(symbol) {
  const quote = store.tree.quotes?.[symbol] || {};
  const change = isNumber(quote.last_price) ? quote.last_price - quote.pre_settlement : NaN;
  const style = `n ${sign(change)}`;
  const places = quote.price_decs;
  return [
    [symbol], [nameOf(symbol)],
    [price(quote.last_price, places), style], [price(change, places), style],
    [isNumber(change) ? ((change / quote.pre_settlement) * 100).toFixed(2) : "–", style],
    [price(quote.bid_price1, places), "n"], [price(quote.ask_price1, places), "n"],
    [whole(quote.volume), "n"], [whole(quote.open_interest), "n"],
  ];
}

function draw() {
  showLink(store);
  fillRows(body, shown, (symbol) => symbol, cells, () => h("tr", {}, ...Array.from({ length: 9 }, () => h("td"))));
}

byId("search").addEventListener("input", choose);
store.onChange(draw);
choose();
