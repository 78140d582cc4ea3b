/** Earlier analyses: found by name or verdict, opened, deleted. */

import { analyses, erase } from "../base/api.js";
import { confirmed, trouble } from "../base/dialogs.js";
import { h, icon, say } from "../base/dom.js";
import { plain, shown } from "../base/names.js";
import { count, moment, percent, state } from "../base/words.js";
import { forget } from "./originals.js";

/** @import {Summary, Verdict} from "../base/shapes.js" */

const PAUSE = 250;
const REFRESH = 2000;

/** The page of all of them. @type {import("../router.js").Maker} */
export function past(signal) {
  const list = roll(signal, 20, "Nothing was found. Examined files are listed here until they are deleted or their time is over.");
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let later;
  const search = h("input", {
    type: "search", id: "search", autocomplete: "off", spellcheck: "false",
    oninput: () => {
      clearTimeout(later);
      later = setTimeout(() => list.look(search.value.trim()), PAUSE);
    },
  });
  const node = h(
    "div", { class: "past" },
    h("h1", {}, "Earlier analyses"),
    h("form", { role: "search", class: "search", onsubmit: (/** @type {Event} */ e) => e.preventDefault() },
      h("label", { for: "search" }, "Search file names and verdicts"), search),
    list.node,
  );
  list.look("");
  return { title: "Earlier analyses", node };
}

/** The last few of them, below the start page. @param {AbortSignal} signal */
export function latest(signal) {
  const list = roll(signal, 5, "Nothing has been examined yet. What you examine is listed here.");
  list.look("");
  return h("section", { class: "latest", "aria-labelledby": "latest" },
    h("h2", { id: "latest" }, "Latest"), list.node);
}

/**
 * A list that fills itself page by page, and again while something in it is not done.
 *
 * @param {AbortSignal} signal
 * @param {number} limit
 * @param {string} empty Said when there is nothing.
 */
function roll(signal, limit, empty) {
  const rows = h("ul", { class: "roll" });
  const foot = h("div", { class: "foot" });
  const node = h("div", {}, rows, foot);
  let q = "";
  let turn = 0;

  /** @param {string | null} cursor */
  async function load(cursor) {
    const mine = (turn += 1);
    try {
      const page = await analyses({ q, cursor, limit }, signal);
      if (mine !== turn) return;
      const fresh = page.analyses.map((one) => row(one, () => load(null)));
      if (cursor) rows.append(...fresh);
      else rows.replaceChildren(...fresh);
      foot.replaceChildren(...below(page.next));
      watch(page.analyses, cursor, mine);
      if (q) say(`${count(rows.childElementCount, "analysis", "analyses")} shown.`);
      if (cursor) fresh[0]?.querySelector("a")?.focus();
    } catch (error) {
      if (!signal.aborted && mine === turn) foot.replaceChildren(trouble(error, () => load(cursor)));
    }
  }

  /** @param {string | null} next */
  function below(next) {
    if (next && limit < 20) return [h("p", {}, h("a", { href: "#/history" }, "All earlier analyses"))];
    if (next) return [h("p", {}, h("button", { onclick: () => load(next) }, "Show older ones"))];
    return rows.childElementCount ? [] : [h("p", { class: "empty" }, empty)];
  }

  /** @param {Summary[]} shownNow @param {string | null} cursor @param {number} mine */
  function watch(shownNow, cursor, mine) {
    if (cursor || shownNow.every((one) => one.finished)) return;
    setTimeout(() => !signal.aborted && mine === turn && !node.contains(document.activeElement) && load(null), REFRESH);
  }

  return { node, look: (/** @type {string} */ words) => ((q = words), load(null)) };
}

/** @param {Summary} one @param {() => void} changed */
function row(one, changed) {
  const names = one.files.map((file) => plain(file.name)).join(", ");
  const more = one.files.length - 1;
  return h(
    "li", { class: "row" },
    h("div", { class: "said" }, told(one)),
    h("p", { class: "what" },
      h("a", { href: `#/analyses/${one.id}` }, shown(one.files[0]?.name ?? "–", 80)),
      more > 0 && h("small", {}, ` and ${count(more, "more file", "more files")}`)),
    h("time", { class: "when", datetime: one.created }, moment(one.created)),
    h("button", {
      class: "small quiet", type: "button", "aria-label": `Delete the analysis of ${names}`,
      onclick: async () => (await deleted(one.id, names)) && changed(),
    }, icon("erase"), h("span", {}, "Delete")),
  );
}

/** Each kind of verdict once, the strongest first; a single file's with its probability. @param {Summary} one */
function told(one) {
  if (one.state === "failed") return h("p", { class: "failed" }, icon("failed"), "Failed");
  if (one.state !== "done") {
    const share = one.state === "running" ? ` ${Math.round(100 * one.progress.done)}%` : "";
    return h("p", { class: "waiting" }, icon("waiting"), one.state === "queued" ? "Waiting" : "Being examined", share);
  }
  const tally = tallied(one.verdicts);
  return tally.map(([what, some]) => h("p", { class: what.key }, icon(what.key),
    one.verdicts.length > 1 && h("b", {}, `${some.length} × `), what.title,
    one.verdicts.length === 1 && some[0].probability !== null && h("small", {}, ` ${percent(some[0].probability)}`)));
}

/**
 * Verdicts by what they amount to, the strongest first.
 *
 * @template {{verdict: string | null, reasons: string[]}} T
 * @param {T[]} verdicts
 * @returns {[import("../base/words.js").State, T[]][]}
 */
export function tallied(verdicts) {
  /** @type {Map<import("../base/words.js").State, T[]>} */
  const kinds = new Map();
  for (const one of verdicts) {
    const what = state(one);
    kinds.set(what, [...(kinds.get(what) ?? []), one]);
  }
  return [...kinds].sort(([a], [b]) => a.order - b.order);
}

/**
 * Ask, then delete; whether it is gone.
 *
 * @param {string} id
 * @param {string} names
 */
export async function deleted(id, names) {
  const text = [shown(names, 200), ": the report and its pictures will be erased from the server. This cannot be undone."];
  if (!(await confirmed("Delete this analysis?", text, "Delete"))) return false;
  try {
    await erase(id);
  } catch (error) {
    document.getElementById("main")?.prepend(trouble(error));
    return false;
  }
  forget(id);
  say("The analysis was deleted.");
  return true;
}
