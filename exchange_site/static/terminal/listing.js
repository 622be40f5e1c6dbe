// Instruments: the list to search, most traded first.
import { isChinese } from "./dom.js";

let known;
let asked;

export async function listing() {
  asked ??= read();
  known = await asked;
  return known;
}

async function read() {
  const response = await fetch("/market/listing.json");
  const rows = response.ok ? await response.json() : [];
  return rows.map(([symbol, zh, en, volume]) => ({ symbol, zh, en, volume, name: isChinese ? zh || en : en || zh }));
}

export function nameOf(symbol) {
  return known?.find((row) => row.symbol === symbol)?.name || "";
}

export async function search(text, most = 12) {
  const words = text.trim().toLowerCase().split(/\s+/).filter(Boolean);
  const rows = await listing();
  const hit = (row) => words.every((word) => `${row.symbol} ${row.zh} ${row.en}`.toLowerCase().includes(word));
  return rows.filter(hit).slice(0, most);
}
