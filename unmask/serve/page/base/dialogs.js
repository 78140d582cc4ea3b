/** Questions and troubles, in the page's own dress. */

import { Problem } from "./api.js";
import { button, h, icon } from "./dom.js";
import { shown } from "./names.js";

/**
 * Ask before something that cannot be undone.
 *
 * @param {string} title
 * @param {import("./dom.js").Children} text
 * @param {string} action Word on the button that does it.
 * @returns {Promise<boolean>}
 */
export function confirmed(title, text, action) {
  const dialog = h(
    "dialog",
    { class: "dialog", "aria-labelledby": "confirm-title", "aria-describedby": "confirm-text" },
    h(
      "form",
      { method: "dialog" },
      h("h2", { id: "confirm-title" }, title),
      h("p", { id: "confirm-text" }, text),
      h(
        "p",
        { class: "buttons" },
        h("button", { value: "", autofocus: true }, "Keep it"),
        h("button", { value: "yes", class: "danger" }, action),
      ),
    ),
  );
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((done) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      done(dialog.returnValue === "yes");
    });
  });
}

/**
 * What went wrong, in the server's words and with its code; `again` offers another try.
 *
 * @param {unknown} error
 * @param {(() => void) | null} [again]
 */
export function trouble(error, again = null) {
  const told = error instanceof Problem ? error : new Problem(0, "page", String(error));
  const retry = again && button({ class: "small", onclick: again }, "Try again");
  const box = h(
    "div",
    { class: "trouble", role: "alert" },
    icon("failed"),
    h(
      "div",
      h("p", shown(told.message), " ", h("code", told.code)),
      told.retry > 0 &&
        h("p", { class: "hint" }, `There is room again in about ${told.retry} seconds.`),
      retry && h("p", retry),
    ),
  );
  if (again && told.code === "offline") whenBack(box, again);
  return box;
}

/** Try again by itself once the server is back, if the trouble still stands there. */
function whenBack(/** @type {HTMLElement} */ box, /** @type {() => void} */ again) {
  window.addEventListener("unmask:back", () => box.isConnected && again(), { once: true });
}
