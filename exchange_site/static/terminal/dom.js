// Elements, texts and numbers. Text only ever becomes a text node: nothing a user wrote is parsed as HTML.
export const setup = JSON.parse(document.getElementById("setup").textContent);
export const isChinese = setup.language === "zh-hans";

export const _ = (text) => setup.texts[text] || text;

export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child != null && child !== false).map(asNode));
  return element;
}

const asNode = (child) => (child instanceof Node ? child : String(child));

export const byId = (id) => document.getElementById(id);

export const isNumber = (value) => typeof value === "number" && Number.isFinite(value);

export function price(value, decimals) {
  return isNumber(value) ? value.toFixed(decimals ?? 2) : "–";
}

const moneyFormat = new Intl.NumberFormat("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const wholeFormat = new Intl.NumberFormat("en");
export const money = (value) => (isNumber(value) ? moneyFormat.format(value) : "–");
export const whole = (value) => (isNumber(value) ? wholeFormat.format(value) : "–");
export const percent = (value, places = 2) => (isNumber(value) ? `${(value * 100).toFixed(places)} %` : "–");
export const sign = (value) => (value > 0 ? "up" : value < 0 ? "down" : "");

const clock = new Intl.DateTimeFormat("sv-SE", { timeZone: "Asia/Shanghai", hour: "2-digit", minute: "2-digit", second: "2-digit" });
const date = new Intl.DateTimeFormat("sv-SE", { timeZone: "Asia/Shanghai", dateStyle: "short", timeStyle: "medium" });
export const time = (ms) => (ms ? clock.format(ms) : "–");
export const moment = (ms) => (ms ? date.format(ms) : "–");

export function replace(parent, ...children) {
  parent.replaceChildren(...children);
}

/** Keep the rows of a table body: `cells(row)` gives [[text, class], …]; a row's cells change only where they differ. */
export function fillRows(body, rows, key, cells, make) {
  const known = new Map([...body.children].map((line) => [line.dataset.key, line]));
  rows.forEach((row, index) => {
    const name = String(key(row));
    let line = known.get(name);
    known.delete(name);
    if (!line) {
      line = make(row);
      line.dataset.key = name;
    }
    if (body.children[index] !== line) body.insertBefore(line, body.children[index] || null);
    writeCells(line, cells(row));
  });
  for (const line of known.values()) line.remove();
}

function writeCells(line, cells) {
  cells.forEach(([text, style], index) => {
    const cell = line.children[index];
    const target = cell.querySelector("[data-text]") || cell;
    if (target.textContent !== String(text)) target.textContent = text;
    if (cell.className !== (style || "")) cell.className = style || "";
  });
}

export function toast(text, isBad = false) {
  const note = h("div", { class: isBad ? "toast bad" : "toast" }, text);
  byId("toasts").append(note);
  setTimeout(() => note.remove(), isBad ? 9000 : 5000);
}
