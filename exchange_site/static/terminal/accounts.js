// Accounts: a card each, open a further one, choose the one to trade with, money in and out.
import { _, byId, h, money, percent, replace, setup } from "./dom.js";
import { get, post } from "./api.js";
import { chosenAccount, chooseAccount } from "./chosen.js";
import { details } from "./details.js";

const STATES = { ACTIVE: _("active"), PENDING: _("waits for approval"), FROZEN: _("frozen"), CLOSED: _("closed account") };

async function load() {
  const { items } = await get(`/api/user/${setup.user_id}/accounts?page_size=100`);
  const chosen = chosenAccount(items);
  replace(byId("cards"), ...items.map((row) => card(row, row.account_id === chosen)));
}

function card(row, isChosen) {
  const figures = [
    [_("Equity"), money(row.balance)], [_("Available"), money(row.available)],
    [_("Margin"), money(row.margin)], [_("Profit"), money(row.profit)],
    [_("Risk ratio"), percent(row.risk_ratio)], [_("Status"), STATES[row.status] || row.status],
  ];
  const said = h("p", { class: "said", role: "alert" });
  return h("article", { class: isChosen ? "card chosen" : "card" },
    h("h2", {}, row.account_name || row.account_id), h("code", {}, row.account_id),
    h("dl", {}, ...figures.flatMap(([name, text]) => [h("dt", {}, name), h("dd", {}, text)])),
    h("div", { class: "toolbar" }, choice(row, isChosen)), funds(row, said), said, ...details(row));
}

function choice(row, isChosen) {
  if (isChosen) return h("a", { class: "button", href: "/" }, _("Trade"));
  return h("button", { type: "button", onclick: () => { chooseAccount(row.account_id); load(); } }, _("Trade with this one"));
}

function funds(row, said) {
  const amount = h("input", { inputmode: "decimal", maxlength: 20, "aria-label": _("Amount"), placeholder: _("Amount"), size: 10 });
  const move = (path) => async () => {
    said.textContent = "";
    try {
      await post(path, { account_id: row.account_id, amount: amount.value.trim(), method: "web", remark: "" });
      await load();
    } catch (error) {
      said.textContent = error.message;
    }
  };
  return h("div", { class: "toolbar" }, amount,
    h("button", { type: "button", onclick: move("/api/account/deposit") }, _("Deposit")),
    h("button", { type: "button", onclick: move("/api/account/withdraw") }, _("Withdraw")));
}

byId("open").addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target;
  const said = form.querySelector(".said");
  said.textContent = "";
  try {
    const opened = await post("/api/account/open", Object.fromEntries(new FormData(form)));
    if (!chosenAccount([])) chooseAccount(opened.account_id);
    form.elements.account_name.value = "";
    await load();
  } catch (error) {
    said.textContent = error.message;
  }
});
load().catch((error) => { document.querySelector("#open .said").textContent = error.message; });
