// The account's figures, the risk ratio coloured by its level.
import { _, byId, h, money, percent, replace, sign } from "./dom.js";

const WARNING = 0.6; // where the venue's own warning begins unless it sets another
const CALL = 1;

export const riskLevel = (ratio) => (ratio >= CALL ? 2 : ratio >= WARNING ? 1 : 0);

let shown = "";

export function drawBar(store) {
  const account = store.trade.accounts?.CNY;
  if (!account) return;
  const text = JSON.stringify(account);
  if (text === shown) return;
  shown = text;
  const figures = [
    ["balance", _("Equity"), money(account.balance), ""],
    ["available", _("Available"), money(account.available), ""],
    ["margin", _("Margin"), money(account.margin), ""],
    ["frozen", _("Frozen"), money(account.frozen_margin + account.frozen_commission), ""],
    ["float", _("Float profit"), money(account.float_profit), sign(account.float_profit)],
    ["closed", _("Closed profit"), money(account.close_profit), sign(account.close_profit)],
    ["commission", _("Commission"), money(account.commission), ""],
    ["risk", _("Risk ratio"), percent(account.risk_ratio), `risk-${riskLevel(account.risk_ratio)}`],
  ];
  replace(byId("figures"), ...figures.map(([id, name, value, style]) =>
    h("div", {}, h("dt", {}, name), h("dd", { id: `figure-${id}`, class: style }, value))));
}
