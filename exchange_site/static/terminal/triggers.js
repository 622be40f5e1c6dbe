// The entry form's conditional kinds: what triggers, and the order as `/api/conditional-orders` takes it.
import { _, byId, h, isNumber } from "./dom.js";
import { newId, post } from "./api.js";
import { CONDITIONAL } from "./conditionals.js";

const SOURCES = { LAST: _("Last"), BID: _("Bid"), ASK: _("Ask") };
const FIELDS = { // id → [field of the body, label]
  STOP_LOSS: [["trigger", "trigger_price"]], TAKE_PROFIT: [["trigger", "trigger_price"]], TOUCH: [["trigger", "trigger_price"]],
  TRAILING: [["distance", "distance"]], OCO: [["trigger", "trigger_price"], ["target", "trigger_price2"]],
};
const LABELS = { trigger: _("Trigger price"), target: _("Target price"), distance: _("Distance") };
const TIMES = new Set(["GFD", "GTD", "GTC"]);

export const isConditional = (kind) => kind in CONDITIONAL;

export class Triggers {
  /** Puts its fields behind the kind; `changed` is called when one changes. */
  constructor(app, changed) {
    this.app = app;
    const inputs = Object.entries(LABELS).map(([id, text]) => h("label", { id: `${id}-label`, hidden: true },
      h("span", { id: `${id}-text` }, text), h("input", { id, inputmode: "decimal", autocomplete: "off", maxlength: 20 })));
    const source = h("label", { id: "source-label", hidden: true }, _("Watches"),
      h("select", { id: "source" }, ...Object.entries(SOURCES).map(([value, text]) => h("option", { value }, text))));
    byId("kind").closest("label").after(source, ...inputs);
    for (const id of ["source", ...Object.keys(LABELS)]) byId(id).addEventListener("input", changed);
  }

  /** Show what the kind needs; a price left empty is the market's. */
  show(kind) {
    const fields = (FIELDS[kind] || []).map(([id]) => id);
    for (const id of Object.keys(LABELS)) byId(`${id}-label`).hidden = !fields.includes(id);
    byId("source-label").hidden = !fields.length;
    byId("trigger-text").textContent = kind === "OCO" ? _("Stop price") : LABELS.trigger;
    byId("price").placeholder = fields.length ? _("At market") : "";
    for (const option of byId("time").options) option.disabled = fields.length > 0 && !TIMES.has(option.value);
    if (fields.length && !TIMES.has(byId("time").value)) byId("time").value = "GFD";
  }

  /** A price chosen elsewhere is what triggers. */
  take(text) {
    const [[id]] = FIELDS[byId("kind").value];
    if (id === "trigger") byId(id).value = text;
  }

  /** The body of the request. */
  terms(kind, direction, given) {
    const found = {
      account_id: given.account_id, instrument_id: given.instrument_id, direction, offset: given.offset, volume: given.volume,
      kind, price_source: byId("source").value, time_condition: given.time_condition, order_type: "MARKET",
    };
    for (const [id, field] of FIELDS[kind]) found[field] = byId(id).value.trim();
    const limit = byId("price").value.trim();
    if (limit) Object.assign(found, { order_type: "LIMIT", price: limit });
    if (given.gtd_date) found.gtd_date = given.gtd_date;
    return found;
  }

  /** Why the server would refuse; "" when nothing is known against it. */
  fault(terms) {
    const { price_tick: tick } = this.app.quote;
    if (!Number.isInteger(terms.volume) || terms.volume < 1) return _("The volume must be a whole number of lots");
    for (const [id, field] of FIELDS[terms.kind]) {
      if (!/^\d+(\.\d+)?$/.test(terms[field]) || !(Number(terms[field]) > 0)) return `${byId(`${id}-text`).textContent}: ${_("a number above zero")}`;
    }
    if (!terms.price) return "";
    const ticks = Number(terms.price) / tick;
    if (!(ticks > 0) || (isNumber(tick) && Math.abs(ticks - Math.round(ticks)) > 1e-6)) return `${_("The price must be a multiple of")} ${tick}`;
    return "";
  }

  /** Keep it; a repeated press after a lost answer is refused by its id, never placed twice. */
  async send(terms, say) {
    const text = JSON.stringify(terms);
    if (this.last?.text !== text) this.last = { text, id: newId() };
    try {
      const kept = await post("/api/conditional-orders", { ...terms, order_id: this.last.id });
      this.last = null;
      say(`${_("Conditional order kept:")} ${CONDITIONAL[kept.kind] || kept.kind || ""}`, true);
      this.app.lists.choose("conditional");
    } catch (error) {
      if (error.status) this.last = null;
      say(error.status ? error.message : _("No answer: look at the conditional orders before you send it again"));
    }
  }
}
