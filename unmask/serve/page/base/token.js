/**
 * The server's token: taken from the address (`#token=…`), or asked for; kept for this tab only.
 */

import { h } from "./dom.js";

const KEY = "unmask.token";
/** @type {Promise<void> | null} */
let asking = null;

/** Take a token out of the address, so that it is neither shown nor kept in the history. */
export function collect() {
  const found = /^#token=([^&/]+)/.exec(location.hash);
  if (!found) return;
  sessionStorage.setItem(KEY, decodeURIComponent(found[1]));
  history.replaceState(null, "", `${location.pathname}#/`);
}

/** Headers that show the token, if there is one. @returns {Record<string, string>} */
export function credentials() {
  const token = sessionStorage.getItem(KEY);
  return token ? { Authorization: `Bearer ${token}` } : {};
}

/** Ask for the token, once however many requests wait for it. @returns {Promise<void>} */
export function askToken() {
  asking ??= prompted().finally(() => (asking = null));
  return asking;
}

/** @returns {Promise<void>} */
function prompted() {
  const wrong = sessionStorage.getItem(KEY) !== null;
  const field = h("input", {
    id: "token",
    type: "password",
    autocomplete: "off",
    spellcheck: "false",
    required: true,
    "aria-describedby": "token-hint",
    "aria-invalid": wrong ? "true" : null,
  });
  const dialog = h(
    "dialog",
    { class: "dialog", "aria-labelledby": "token-title" },
    h(
      "form",
      { method: "dialog" },
      h("h2", { id: "token-title" }, "This server asks for its token"),
      h(
        "p",
        { id: "token-hint", class: wrong ? "wrong" : "hint" },
        wrong ? "The token was not accepted. " : "",
        "It stands in the window in which the server was started, or with whoever runs it.",
      ),
      h("label", { for: "token" }, "Token"),
      field,
      h("p", { class: "buttons" }, h("button", { class: "primary" }, "Go on")),
    ),
  );
  // Nothing can be done without a token, so the prompt cannot be left.
  dialog.addEventListener("cancel", (/** @type {Event} */ event) => event.preventDefault());
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((done) => {
    dialog.addEventListener("close", () => {
      sessionStorage.setItem(KEY, field.value.trim());
      dialog.remove();
      done();
    });
  });
}
