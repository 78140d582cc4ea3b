/**
 * Everything that the page asks of the server, and what can go wrong with it.
 *
 * Requests carry the token in a header, so pictures and exports are fetched as well and never
 * named in an address that could be passed on.
 *
 * @import {Analysis, Detector, Page} from "./shapes.js"
 */

import { askToken, credentials } from "./token.js";
import { lost } from "./offline.js";

/** What the server refused, in its own words (`application/problem+json`). */
export class Problem extends Error {
  /**
   * @param {number} status
   * @param {string} code
   * @param {string} detail
   * @param {number} [retry] Seconds after which to ask again, 0 if unknown.
   */
  constructor(status, code, detail, retry = 0) {
    super(detail);
    this.status = status;
    this.code = code;
    this.retry = retry;
  }
}

/**
 * Ask once, and once more with every token that is given until one is accepted.
 *
 * @param {string} path Below the page's own address.
 * @param {RequestInit} [init]
 * @returns {Promise<Response>}
 */
export async function ask(path, init = {}) {
  const headers = { ...init.headers, ...credentials() };
  const response = await fetch(path, { ...init, headers, cache: "no-store" }).catch(unreachable);
  if (response.status === 401) {
    await askToken();
    return ask(path, init);
  }
  if (!response.ok) throw problem(response.status, await response.text(), response.headers);
  return response;
}

/** @param {Error} error @returns {never} */
function unreachable(error) {
  if (error.name === "AbortError") throw error;
  lost();
  throw new Problem(0, "offline", "The server does not answer.");
}

/**
 * A refused request as a problem, whoever answered it.
 *
 * @param {number} status
 * @param {string} body
 * @param {{get(name: string): string | null}} headers
 */
export function problem(status, body, headers) {
  /** @type {{detail?: string, title?: string, code?: string}} */
  let told = {};
  try {
    told = JSON.parse(body);
  } catch {
    // A proxy between us and the server may answer in HTML.
  }
  const detail = told.detail ?? told.title ?? "The server refused the request.";
  const wait = Number(headers.get("Retry-After")) || 0;
  return new Problem(status, told.code ?? `http_${status}`, String(detail), wait);
}

/** @param {string} path @param {RequestInit} [init] */
async function json(path, init) {
  return (await ask(path, init)).json();
}

const PLACE = "v1/analyses";

/** @param {string} id */
const one = (id) => `${PLACE}/${encodeURIComponent(id)}`;

/** @param {string} id @param {AbortSignal} [signal] @returns {Promise<Analysis>} */
export const analysis = (id, signal) => json(one(id), { signal });

/**
 * @param {{q?: string, cursor?: string | null, limit?: number}} wanted
 * @param {AbortSignal} [signal]
 * @returns {Promise<Page>}
 */
export function analyses({ q = "", cursor = null, limit = 20 }, signal) {
  const query = new URLSearchParams({ limit: String(limit) });
  if (q) query.set("q", q);
  if (cursor) query.set("cursor", cursor);
  return json(`${PLACE}?${query}`, { signal });
}

/** @param {string} id */
export const erase = (id) => ask(one(id), { method: "DELETE" });

/** @param {string} id @param {AbortSignal} signal */
export const events = (id, signal) => ask(`${one(id)}/events`, { signal });

/** @param {string} id @param {string} name @param {AbortSignal} signal @returns {Promise<Blob>} */
export async function picture(id, name, signal) {
  return (await ask(`${one(id)}/pictures/${encodeURIComponent(name)}`, { signal })).blob();
}

/** @param {string} id @param {"html" | "json" | "csv"} format @returns {Promise<Blob>} */
export const exported = async (id, format) => (await ask(`${one(id)}/report.${format}`)).blob();

/** @returns {Promise<Detector[]>} */
export const detectors = async () => (await json("v1/detectors")).detectors;
