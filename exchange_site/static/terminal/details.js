// What belongs to one account beside its figures: the fund password, and the rates that apply to it (O-54).
import { _, h, percent, replace } from "./dom.js";
import { get, post, query } from "./api.js";

const MOST = 200;
const path = (row, what) => `/api/account/${encodeURIComponent(row.account_id)}/${what}`;
const perLot = (value) => (value ? value.toFixed(2) : "");
const fee = (row, name) => [row[`${name}_fee_ratio`] ? percent(row[`${name}_fee_ratio`], 4) : "", perLot(row[`${name}_fee_per_lot`])].filter(Boolean).join(" + ") || "0";

/** A part that is read when it is opened. */
function folded(title, read) {
  const content = h("div", {});
  const fill = async (event) => {
    if (!event.target.open) return;
    try {
      replace(content, await read());
    } catch (error) {
      replace(content, h("p", { class: "said", role: "alert" }, error.message));
    }
  };
  return h("details", { ontoggle: fill }, h("summary", {}, title), content);
}

export const details = (row) => [
  folded(_("Fund password"), () => password(row)),
  folded(_("Commission and margin rates"), () => rates(row)),
];

async function password(row) {
  const { has_fund_password: has } = await get(path(row, "status"));
  const field = (name, text) => h("label", {}, text, h("input", { name, type: "password", required: true, maxlength: 128, autocomplete: "off" }));
  const said = h("p", { class: "said", role: "alert" });
  const send = async (event) => {
    event.preventDefault();
    const form = event.target;
    said.className = "said";
    said.textContent = "";
    try {
      await post(path(row, "password"), { kind: "fund", ...Object.fromEntries(new FormData(form)) });
      form.reset();
      said.className = "said good";
      said.textContent = _("The fund password is set.");
    } catch (error) {
      said.textContent = error.message;
    }
  };
  return h("form", { class: "fields", onsubmit: send },
    h("p", { class: "dim" }, _("Asked for with transfers to and from a bank.")),
    field("old_password", has ? _("Present fund password") : _("Your log-in password")), field("new_password", _("New fund password")),
    h("button", { class: "button" }, has ? _("Change it") : _("Set it")), said);
}

async function rates(row) {
  const [fees, margins] = await Promise.all(["commission", "margin"].map((what) => query(path(row, what), { page_size: MOST })));
  const known = new Map(margins.items.map((one) => [one.instrument_id, one]));
  const titles = [_("Instrument"), _("Margin long"), _("Margin short"), _("Fee to open"), _("Fee to close"), _("Fee to close today")];
  const line = (one) => {
    const margin = known.get(one.instrument_id) || {};
    return [one.instrument_id, percent(margin.margin_ratio_long), percent(margin.margin_ratio_short), fee(one, "open"), fee(one, "close"), fee(one, "close_today")];
  };
  const cells = (name, texts) => texts.map((text, n) => h(name, { class: n ? "n" : null }, text));
  return h("div", { class: "scroll rates", tabindex: 0, role: "region", "aria-label": _("Commission and margin rates") },
    h("p", { class: "dim" }, _("Fees: a share of the turnover, or yuan a lot.")),
    h("table", {}, h("thead", {}, h("tr", {}, ...cells("th", titles))), h("tbody", {}, ...fees.items.map((one) => h("tr", {}, ...cells("td", line(one)))))));
}
