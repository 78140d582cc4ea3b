/** Sending files, with the share that has gone out; `fetch` cannot tell it, XMLHttpRequest can. */

import { Problem, problem } from "../base/api.js";
import { button, h, say } from "../base/dom.js";
import { lost } from "../base/offline.js";
import { askToken, credentials } from "../base/token.js";
import { count, size } from "../base/words.js";

/**
 * Send files; the node shows how far it is and lets one stop it.
 *
 * @param {File[]} files
 * @param {[string, string][]} fields Options of the analysis.
 * @param {AbortSignal} left Set when the page is left.
 * @returns {{node: HTMLElement, done: Promise<import("../base/shapes.js").Analysis>}}
 */
export function sending(files, fields, left) {
  const stop = new AbortController();
  const bar = h("progress", { max: 1, value: 0, "aria-labelledby": "sending" });
  const told = h("p", { class: "hint" });
  const tell = (/** @type {number} */ out, /** @type {number} */ all) => {
    bar.value = all ? out / all : 0;
    told.textContent = out < all ? `${size(out)} of ${size(all)}` : "Sent. The server checks it.";
  };
  const node = h(
    "div",
    { class: "sending" },
    h("p", { id: "sending" }, `Sending ${count(files.length, "file")}`),
    bar,
    told,
    h("p", button({ class: "small", onclick: () => stop.abort() }, "Stop")),
  );
  say(`Sending ${count(files.length, "file")}.`);
  return { node, done: send(packed(files, fields), AbortSignal.any([stop.signal, left]), tell) };
}

/** @param {File[]} files @param {[string, string][]} fields */
function packed(files, fields) {
  const form = new FormData();
  for (const [name, value] of fields) form.append(name, value);
  for (const file of files) form.append("files", file, file.name);
  return form;
}

/**
 * @param {FormData} form
 * @param {AbortSignal} signal
 * @param {(out: number, all: number) => void} tell
 * @returns {Promise<import("../base/shapes.js").Analysis>}
 */
async function send(form, signal, tell) {
  const request = await posted(form, signal, tell);
  if (request.status === 401) {
    await askToken();
    return send(form, signal, tell);
  }
  const headers = { get: (/** @type {string} */ name) => request.getResponseHeader(name) };
  if (request.status >= 400) throw problem(request.status, request.responseText, headers);
  return JSON.parse(request.responseText);
}

/** @returns {Promise<XMLHttpRequest>} */
function posted(
  /** @type {FormData} */ form,
  /** @type {AbortSignal} */ signal,
  /** @type {(out: number, all: number) => void} */ tell,
) {
  const request = new XMLHttpRequest();
  request.open("POST", "v1/analyses");
  for (const [name, value] of Object.entries(credentials())) request.setRequestHeader(name, value);
  request.upload.onprogress = (event) => tell(event.loaded, event.total);
  signal.addEventListener("abort", () => request.abort(), { once: true });
  return new Promise((done, fail) => {
    request.onload = () => done(request);
    request.onabort = () => fail(new DOMException("Stopped.", "AbortError"));
    request.onerror = () => failed().then(fail);
    request.send(form);
  });
}

/** A server that refuses early may hang up while files are still being sent. */
async function failed() {
  const alive = await fetch("healthz").then(
    (answer) => answer.ok,
    () => false,
  );
  if (alive)
    return new Problem(
      0,
      "interrupted",
      "The server ended the connection before all was sent. The files may be too large for it.",
    );
  lost();
  return new Problem(0, "offline", "The server does not answer. Nothing was sent.");
}
