// The trading account in use: kept across reloads, for each user of this browser.
import { setup } from "./dom.js";

const KEY = `account.${setup.user_id}`;

export function chooseAccount(id) {
  localStorage.setItem(KEY, id);
}

/** The chosen one among the given, else the first that trades, else one not closed; "" without any. */
export function chosenAccount(items) {
  const kept = localStorage.getItem(KEY) || "";
  if (items.some((row) => row.account_id === kept)) return kept;
  const found = items.find((row) => row.status === "ACTIVE") || items.find((row) => row.status !== "CLOSED");
  return found?.account_id || "";
}
