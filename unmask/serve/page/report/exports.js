/** Saving a report: fetched with the token, then handed to the browser as a file. */

import { exported } from "../base/api.js";
import { trouble } from "../base/dialogs.js";
import { button, h, icon, say } from "../base/dom.js";

/** @type {["html" | "json" | "csv", string][]} */
const FORMATS = [
  ["html", "one page with pictures"],
  ["json", "everything, for programs"],
  ["csv", "a table, one face a row"],
];

/** @param {string} id Of the analysis. */
export function exportButtons(id) {
  const place = h("div");
  const buttons = FORMATS.map(([format, what]) =>
    button(
      {
        class: "small",
        "aria-label": `Save as ${format.toUpperCase()}, ${what}`,
        title: what,
        onclick: () => save(id, format, place),
      },
      icon("save"),
      format.toUpperCase(),
    ),
  );
  return h(
    "div",
    { class: "exports" },
    h("span", { "aria-hidden": "true" }, "Save as"),
    buttons,
    place,
  );
}

/** @param {string} id @param {"html" | "json" | "csv"} format @param {HTMLElement} place */
async function save(id, format, place) {
  place.replaceChildren();
  try {
    const address = URL.createObjectURL(await exported(id, format));
    h("a", { href: address, download: `unmask-${id.slice(0, 8)}.${format}` }).click();
    // The browser reads the address after the click has returned.
    setTimeout(() => URL.revokeObjectURL(address), 60_000);
    say(`The report was saved as ${format.toUpperCase()}.`);
  } catch (error) {
    place.replaceChildren(trouble(error));
  }
}
