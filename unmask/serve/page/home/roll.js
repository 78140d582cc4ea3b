/** The list of analyses, newest first, a page at a time. */

import { analyses } from "../base/api.js";
import { trouble } from "../base/dialogs.js";
import { button, h, icon, say } from "../base/dom.js";
import { plain, shown } from "../base/names.js";
import { count, moment, percent, tallied } from "../base/words.js";
import { deleted } from "./erase.js";

/** @import {Summary} from "../base/shapes.js" */

const REFRESH = 2000;

/**
 * A list that fills itself page by page, and again while something in it is not done.
 *
 * @param {AbortSignal} signal
 * @param {number} limit
 * @param {string} empty Said when there is nothing.
 */
export function roll(signal, limit, empty) {
  const rows = h("ul", { class: "roll" });
  const foot = h("div", { class: "foot" });
  const node = h("div", { tabindex: "-1" }, rows, foot);
  let q = "";
  let turn = 0;

  /** @param {string | null} cursor */
  async function load(cursor) {
    const mine = (turn += 1);
    try {
      const page = await analyses({ q, cursor, limit }, signal);
      if (mine !== turn) return;
      const fresh = page.analyses.map((one) => row(one, changed));
      if (cursor) rows.append(...fresh);
      else rows.replaceChildren(...fresh);
      foot.replaceChildren(...below(page.next));
      watch(page.analyses, cursor, mine);
      if (q) say(`${count(rows.childElementCount, "analysis", "analyses")} shown.`);
      if (cursor) fresh[0]?.querySelector("a")?.focus();
    } catch (error) {
      if (!signal.aborted && mine === turn)
        foot.replaceChildren(trouble(error, () => load(cursor)));
    }
  }

  /** The keyboard goes on with the one in its place. @param {Element} gone */
  async function changed(gone) {
    const place = [...rows.children].indexOf(gone);
    await load(null);
    const next = rows.children[place]?.querySelector("button") ?? node;
    next.focus();
  }

  /** @param {string | null} next */
  function below(next) {
    if (next && limit < 20) return [h("p", h("a", { href: "#/history" }, "All earlier analyses"))];
    if (next) return [h("p", button({ onclick: () => load(next) }, "Show older ones"))];
    return rows.childElementCount ? [] : [h("p", { class: "empty" }, empty)];
  }

  /** @param {Summary[]} shownNow @param {string | null} cursor @param {number} mine */
  function watch(shownNow, cursor, mine) {
    if (cursor || signal.aborted || mine !== turn) return;
    if (shownNow.every((one) => one.finished)) return;
    setTimeout(() => {
      // Not under the hands of somebody who is in the list.
      if (node.contains(document.activeElement)) watch(shownNow, cursor, mine);
      else if (!signal.aborted && mine === turn) load(null);
    }, REFRESH);
  }

  return { node, look: (/** @type {string} */ words) => ((q = words), load(null)) };
}

/** @param {Summary} one @param {(row: Element) => void} changed */
function row(one, changed) {
  const names = one.files.map((file) => plain(file.name)).join(", ");
  const more = one.files.length - 1;
  const item = h(
    "li",
    { class: "row" },
    h("div", { class: "said" }, told(one)),
    h(
      "p",
      { class: "what" },
      h("a", { href: `#/analyses/${one.id}` }, shown(one.files[0]?.name ?? "–", 80)),
      more > 0 && h("small", ` and ${count(more, "more file", "more files")}`),
    ),
    h("time", { class: "when", datetime: one.created }, moment(one.created)),
    button(
      {
        class: "small quiet",
        "aria-label": `Delete the analysis of ${names}`,
        onclick: async () => (await deleted(one.id, names)) && changed(item),
      },
      icon("erase"),
      h("span", "Delete"),
    ),
  );
  return item;
}

/**
 * Each kind of verdict once, the strongest first; a single file's with its probability.
 *
 * @param {Summary} one
 */
function told(one) {
  if (one.state === "failed") return h("p", { class: "failed" }, icon("failed"), "Failed");
  if (one.state !== "done") {
    const share = one.state === "running" ? ` ${Math.round(100 * one.progress.done)}%` : "";
    return h(
      "p",
      { class: "waiting" },
      icon("waiting"),
      one.state === "queued" ? "Waiting" : "Being examined",
      share,
    );
  }
  const tally = tallied(one.verdicts);
  return tally.map(([what, some]) =>
    h(
      "p",
      { class: what.key },
      icon(what.key),
      one.verdicts.length > 1 && h("b", `${some.length} × `),
      what.title,
      one.verdicts.length === 1 &&
        some[0].probability !== null &&
        h("small", ` ${percent(some[0].probability)}`),
    ),
  );
}
