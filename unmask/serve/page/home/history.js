/** Earlier analyses: all of them with a search, or the last few. */

import { h } from "../base/dom.js";
import { roll } from "./roll.js";

const PAUSE = 250;
const EMPTY =
  "Nothing was found. Examined files are listed here until they are deleted or their time is over.";

/** The page of all of them. @type {import("../router.js").Maker} */
export function past(signal) {
  const list = roll(signal, 20, EMPTY);
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let later;
  const search = h("input", {
    type: "search",
    id: "search",
    autocomplete: "off",
    spellcheck: "false",
    oninput: () => {
      clearTimeout(later);
      later = setTimeout(() => list.look(search.value.trim()), PAUSE);
    },
  });
  const node = h(
    "div",
    { class: "past" },
    h("h1", "Earlier analyses"),
    h(
      "form",
      { role: "search", class: "search", onsubmit: (/** @type {Event} */ e) => e.preventDefault() },
      h("label", { for: "search" }, "Search file names and verdicts"),
      search,
    ),
    list.node,
  );
  list.look("");
  return { title: "Earlier analyses", node };
}

/** The last few of them, below the start page. @param {AbortSignal} signal */
export function latest(signal) {
  const list = roll(signal, 5, "Nothing has been examined yet. What you examine is listed here.");
  list.look("");
  return h(
    "section",
    { class: "latest", "aria-labelledby": "latest" },
    h("h2", { id: "latest" }, "Latest"),
    list.node,
  );
}
