// The terminal: one socket, one store, panels that draw what it holds (O-50).
import { _, byId, h, replace, setup, toast } from "./dom.js";
import { get } from "./api.js";
import { drawBar } from "./bar.js";
import { Book } from "./book.js";
import { Chart } from "./chart.js";
import { chosenAccount, chooseAccount } from "./chosen.js";
import { followConditionals } from "./conditionals.js";
import { Entry } from "./entry.js";
import { bindKeys } from "./keys.js";
import { Lists } from "./lists.js";
import { listing } from "./listing.js";
import { News } from "./news.js";
import { Store, showLink } from "./store.js";
import { Watch } from "./watch.js";

const listed = listing(); // asked for beside the accounts
listed.catch(() => {}); // said below
const { items: accounts } = await get(`/api/user/${setup.user_id}/accounts?page_size=100`);
const store = new Store(chosenAccount(accounts));
const app = { store, accounts, symbol: "", quote: {}, select };
app.chart = new Chart(app);
app.book = new Book(app);
app.entry = new Entry(app);
app.lists = new Lists(app);
app.watch = new Watch(app);
followConditionals(app);
app.news = new News(app);

function fillAccounts() {
  const picker = byId("account");
  replace(picker, ...accounts.map((row) => h("option", { value: row.account_id, selected: row.account_id === store.login },
    `${row.account_name || "…"} · ${row.account_id.slice(-6)}`)));
  picker.hidden = !accounts.length;
  picker.addEventListener("change", () => {
    chooseAccount(picker.value);
    store.restart(picker.value);
    app.lists.forget();
  });
  if (!accounts.length) replace(byId("figures"), h("a", { class: "button", href: "/accounts" }, _("Open an account to trade")));
}

/** The instrument that chart, book and order entry are about. */
function select(symbol) {
  if (!symbol || symbol === app.symbol) return;
  app.symbol = symbol;
  localStorage.setItem("symbol", symbol);
  byId("symbol").textContent = symbol;
  app.chart.show(symbol);
  app.book.show(symbol);
  app.entry.show();
  app.watch.subscribe();
  store.keep("status", { aid: "subscribe_trading_status", ins_list: symbol });
  store.draw();
}

function draw() {
  app.quote = store.tree.quotes?.[app.symbol] || {};
  showLink(store);
  if (accounts.length) drawBar(store);
  app.watch.draw();
  app.book.draw();
  app.entry.draw();
  app.lists.draw();
  app.chart.draw();
  app.news.draw();
}

fillAccounts();
bindKeys(app);
store.onChange(draw);
try {
  await app.watch.begin(await listed);
} catch (error) {
  toast(error.message, true);
}
document.documentElement.dataset.ready = "true";
