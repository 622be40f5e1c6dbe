// A contest: its ranking as it stands, taking part, trading with its account.
import { _, byId, fillRows, h, money, percent, setup, sign, time } from "./dom.js";
import { get, post } from "./api.js";
import { chooseAccount } from "./chosen.js";

const READ_MS = 5000;
const path = `/api/contests/${encodeURIComponent(setup.contest)}`;
const number = (value) => (value === null ? "–" : value.toFixed(4));

function cells(row) {
  const place = row.disqualified ? _("disqualified") : row.place === null ? _("not ranked") : String(row.place);
  return [
    [place, "n"], [row.nickname, "wrap"], [money(row.equity), "n"], [percent(row.profit_ratio), `n ${sign(row.profit_ratio)}`],
    [percent(row.drawdown), "n"], [number(row.sharpe), "n"], [String(row.trades), "n"],
  ];
}

async function read() {
  try {
    const { items } = await get(`${path}/ranking`);
    fillRows(byId("ranking").tBodies[0], items, (row) => row.nickname, cells, () => h("tr", {}, ...Array.from({ length: 7 }, () => h("td"))));
    byId("stamp").textContent = items.length ? time(Date.now()) : _("Nobody takes part yet.");
    byId("stamp").className = "";
  } catch (error) {
    byId("stamp").textContent = error.message;
    byId("stamp").className = "bad";
  }
  setTimeout(read, READ_MS);
}

byId("enter")?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const said = event.target.querySelector(".said");
  said.textContent = "";
  try {
    const { account_id: account } = await post(`${path}/enter`, { nickname: event.target.elements.nickname.value.trim() });
    chooseAccount(account);
    location.reload();
  } catch (error) {
    said.textContent = error.code === 2001 ? _("This nickname is taken") : error.message;
  }
});
byId("trade")?.addEventListener("click", (event) => {
  chooseAccount(event.target.dataset.account);
  location.assign("/");
});
read();
