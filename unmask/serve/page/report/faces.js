/** The faces of a photo: a card for each of the strongest, all in numbers. */

import { button, h, table } from "../base/dom.js";
import { between, clock, count, percent } from "../base/words.js";
import { card } from "./face.js";
import { isOver, strength } from "./people.js";

/** @import {Face, Finding, Run} from "../base/shapes.js" */
/** @import {Numbered} from "./people.js" */

const FEW = 3;
const MOST_ROWS = 300;

/**
 * @param {Numbered[]} numbered
 * @param {Run} run
 * @param {import("./loader.js").Load} load
 */
export function faces(numbered, run, load) {
  if (!numbered.length) return null;
  const ranked = [...numbered].sort((a, b) => strength(b.one.face) - strength(a.one.face));
  const over = ranked.filter(({ one }) => isOver(one.face, run.threshold)).length;
  const tag = numbered.length > 1 ? "h4" : "h3";
  const made = (/** @type {Numbered} */ { label, one }) =>
    card(`Face ${label}`, one.face, one.pictures, { run, load, tag });
  const first = Math.max(over, FEW);
  const box = h("div", ranked.slice(0, first).map(made));
  return h(
    "section",
    { class: "faces" },
    numbered.length > 1 && h("h3", "Faces, strongest first"),
    box,
    ranked.length > first && more(ranked.slice(first), made, box),
  );
}

/** A button that shows the others. */
function more(
  /** @type {Numbered[]} */ rest,
  /** @type {(one: Numbered) => HTMLElement} */ made,
  /** @type {HTMLElement} */ box,
) {
  const show = () => {
    const cards = rest.map(made);
    box.append(...cards);
    node.remove();
    const heading = cards[0].querySelector("h4");
    heading?.setAttribute("tabindex", "-1");
    heading?.focus();
  };
  const which = rest.length === 1 ? "the other face" : `the ${rest.length} other faces`;
  const node = button({ onclick: show }, `Show ${which}`);
  return node;
}

/** Every examined face in numbers, folded away. @param {Finding} finding */
export function every(finding) {
  const video = finding.kind === "video";
  const names = [...new Set(finding.faces.flatMap((face) => Object.keys(face.scores)))];
  const lead = video ? ["Time", "Person"] : ["Face"];
  const titles = [...lead, "All together", "95% interval", ...names, "Quality"];
  const rows = () => finding.faces.slice(0, MOST_ROWS).map((face, i) => row(face, i, video, names));
  // A part that scrolls must be reachable without a mouse.
  const place = h("div", {
    class: "wide",
    tabindex: "0",
    role: "group",
    "aria-label": "All faces in numbers",
  });
  const fill = () => place.childElementCount || place.append(table("", titles, rows()));
  const left = finding.faces.length - MOST_ROWS;
  return h(
    "details",
    { class: "every", ontoggle: fill },
    h("summary", `${count(finding.faces.length, video ? "moment" : "face")} in numbers`),
    place,
    left > 0 && h("p", { class: "hint" }, `${left} more are in the JSON and CSV reports.`),
  );
}

/** @param {Face} face @param {number} index @param {boolean} video @param {string[]} names */
function row(face, index, video, names) {
  const lead = video ? [clock(face.time, 2), face.track + 1] : [index + 1];
  const cells = [
    ...lead,
    percent(face.probability),
    between(face.interval),
    ...names.map((name) => percent(face.scores[name]?.probability)),
    face.quality ? face.quality.score.toFixed(2) : "–",
  ];
  return h(
    "tr",
    cells.map((cell) => h("td", cell)),
  );
}
