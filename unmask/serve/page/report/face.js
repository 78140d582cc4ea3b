/** One face: its picture under the heat map, what each detector said of it, and why to doubt it. */

import { h, s, table, unique } from "../base/dom.js";
import { shown } from "../base/names.js";
import { between, percent, signed } from "../base/words.js";
import { gauge } from "./gauge.js";
import { heated } from "./heat.js";

/** @import {Face, FacePictures, Quality, Run, Score} from "../base/shapes.js" */

/**
 * What cards are made with: `tag` is the heading's, `remark` stands beside it, `fade` as for
 * `heated`.
 *
 * @typedef {{run: Run, load: import("./loader.js").Load, tag?: string, remark?: string,
 *   fade?: {share: number}}} Setting
 */

/**
 * @param {string} name Such as "Face 1".
 * @param {Face} face
 * @param {FacePictures | null} pictures
 * @param {Setting} setting
 */
export function card(name, face, pictures, { run, load, tag = "h4", remark, fade }) {
  const id = unique("face");
  return h(
    "article",
    { class: "face", "aria-labelledby": id },
    h(tag, { id }, name, remark && h("small", remark)),
    pictures && heated(pictures, name, load, fade),
    h(
      "div",
      { class: "told" },
      scores(face, run),
      doubts(face, tag === "h3" ? "h4" : "h5"),
      face.quality && quality(face.quality),
    ),
  );
}

/** @param {Face} face @param {Run} run */
export function scores(face, run) {
  if (face.probability === null)
    return h("p", h("b", "Not judged."), " No detector could say anything about this face.");
  const rows = Object.entries(face.scores).map(([name, score]) => {
    const own = run.detectors.find((detector) => detector.name === name);
    return line(name, score, own?.threshold ?? run.threshold, `raw ${signed(score.raw)}`);
  });
  if (rows.length > 1) rows.unshift(line("All together", face, run.threshold));
  return table("scores", ["Detector", "Probability and its 95% interval", "Threshold"], rows);
}

/**
 * @param {string} name
 * @param {Face | Score} value
 * @param {number} threshold
 * @param {string} [raw]
 */
function line(name, value, threshold, raw = "") {
  const over = (value.probability ?? 0) >= threshold;
  return h(
    "tr",
    h("th", { scope: "row" }, shown(name), raw && h("small", raw)),
    h(
      "td",
      gauge(value.probability, value.interval, threshold),
      h(
        "span",
        { class: "value" },
        h("b", { class: over ? "over" : "under" }, percent(value.probability)),
        h("small", between(value.interval)),
      ),
    ),
    h("td", percent(threshold), h("small", over ? "reached" : "not reached")),
  );
}

/** @param {Face} face @param {string} tag */
function doubts(face, tag) {
  const said = sentences([...face.reasons, ...(face.quality?.reasons ?? [])]);
  return said && h("div", { class: "doubts" }, h(tag, "Reasons to doubt the score"), said);
}

/** A list of sentences, each once; nothing when there are none. @param {string[]} said */
export function sentences(said) {
  const items = [...new Set(said)].map((sentence) => h("li", shown(sentence)));
  return items.length > 0 && h("ul", items);
}

/** @param {Quality} quality */
function quality(quality) {
  const parts = Object.entries({ "all together": quality.score, ...quality.parts });
  return h(
    "details",
    { class: "quality" },
    h("summary", `How well this face can be judged: ${quality.score.toFixed(2)} of 1`),
    h(
      "ul",
      parts.map(([name, part]) => h("li", shown(name), bar(part), h("span", part.toFixed(2)))),
    ),
    h(
      "p",
      { class: "hint" },
      "0 useless, 1 ideal; the weakest part decides. ",
      `Side of the face: ${Math.round(quality.size)} px.`,
    ),
  );
}

/** @param {number} part */
function bar(part) {
  return s(
    "svg",
    { class: "bar", viewBox: "0 0 100 6", preserveAspectRatio: "none", "aria-hidden": "true" },
    s("rect", { class: "rail", width: 100, height: 6 }),
    s("rect", { width: 100 * Math.min(Math.max(part, 0), 1) || 0, height: 6 }),
  );
}
