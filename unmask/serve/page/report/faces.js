/** The faces of a photo: a card for each of the strongest, all in numbers. */

import { h } from "../base/dom.js";
import { between, clock, count, percent } from "../base/words.js";
import { card } from "./face.js";
import { isOver, strength } from "./people.js";

/** @import {Face, Finding, Run} from "../base/shapes.js" */
/** @import {Seen} from "./people.js" */

const FEW = 3;
const MOST_ROWS = 300;

/**
 * @param {{label: number, one: Seen}[]} numbered
 * @param {Run} run
 * @param {import("./loader.js").Load} load
 */
export function faces(numbered, run, load) {
  if (!numbered.length) return null;
  const ranked = [...numbered].sort((a, b) => strength(b.one.face) - strength(a.one.face));
  const over = ranked.filter(({ one }) => isOver(one.face, run.threshold)).length;
  const tag = numbered.length > 1 ? "h4" : "h3";
  const made = ({ label, one } = ranked[0]) =>
    card(`Face ${label}`, one.face, one.pictures, { run, load, tag });
  const first = Math.max(over, FEW);
  const rest = ranked.slice(first);
  const box = h("div", {}, ranked.slice(0, first).map(made));
  const more = rest.length > 0 && h("button", {
    type: "button",
    onclick: () => {
      const cards = rest.map(made);
      box.append(...cards);
      more.remove();
      const heading = cards[0].querySelector("h4");
      heading.tabIndex = -1;
      heading.focus();
    },
  }, `Show ${rest.length === 1 ? "the other face" : `the ${rest.length} other faces`}`);
  return h("section", { class: "faces" }, numbered.length > 1 && h("h3", {}, "Faces, strongest first"), box, more);
}

/** Every examined face in numbers, folded away. @param {Finding} finding */
export function every(finding) {
  const video = finding.kind === "video";
  const names = [...new Set(finding.faces.flatMap((face) => Object.keys(face.scores)))];
  const titles = [...(video ? ["Time", "Person"] : ["Face"]), "All together", "95% interval", ...names, "Quality"];
  const fill = () => table.childElementCount || table.append(
    h("thead", {}, h("tr", {}, titles.map((title) => h("th", { scope: "col" }, title)))),
    h("tbody", {}, finding.faces.slice(0, MOST_ROWS).map((face, i) => row(face, i, video, names))),
  );
  const table = h("table");
  const more = finding.faces.length - MOST_ROWS;
  return h(
    "details", { class: "every", ontoggle: fill },
    h("summary", {}, `${count(finding.faces.length, video ? "moment" : "face")} in numbers`),
    // A part that scrolls must be reachable without a mouse.
    h("div", { class: "wide", tabindex: "0", role: "group", "aria-label": "All faces in numbers" }, table),
    more > 0 && h("p", { class: "hint" }, `${more} more are in the JSON and CSV reports.`),
  );
}

/** @param {Face} face @param {number} index @param {boolean} video @param {string[]} names */
function row(face, index, video, names) {
  const lead = video ? [clock(face.time, 2), face.track + 1] : [index + 1];
  const cells = [
    ...lead, percent(face.probability), between(face.interval),
    ...names.map((name) => percent(face.scores[name]?.probability)),
    face.quality ? face.quality.score.toFixed(2) : "–",
  ];
  return h("tr", {}, cells.map((cell) => h("td", {}, cell)));
}
