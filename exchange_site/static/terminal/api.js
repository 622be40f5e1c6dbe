// REST: the session's cookie, the CSRF token, the envelope (H-1, H-2).
import { _ } from "./dom.js";

export class Refusal extends Error {
  constructor(error, status) {
    super(error.code ? `${error.message} (${error.code})` : error.message);
    this.code = error.code;
    this.status = status;
    this.extra = error.extra || {};
  }
}

const token = () => document.querySelector("[name=csrfmiddlewaretoken]").value;

async function call(method, path, body) {
  const headers = { Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (method !== "GET") headers["X-CSRFToken"] = token();
  let response;
  try {
    response = await fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
  } catch {
    throw new Refusal({ message: _("The exchange cannot be reached") }, 0);
  }
  let answer;
  try {
    answer = await response.json();
  } catch {
    throw new Refusal({ message: `HTTP ${response.status}` }, response.status);
  }
  if (answer.success === false) throw new Refusal(answer.error, response.status);
  return answer.data ?? answer;
}

export const get = (path) => call("GET", path);
export const post = (path, body) => call("POST", path, body);

export const remove = (path) => call("DELETE", path);

export const query = (path, parameters) => get(`${path}?${new URLSearchParams(parameters)}`);

/** An id for an order: 128 random bits, also where the page came over plain HTTP. */
export function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return `web-${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}
