/** The drawing of a video's scores, with the slider and the letters of its peaks upon it. */

import { h } from "../base/dom.js";
import { spoken } from "./moment.js";
import { pin } from "./peaks.js";
import { moments } from "./people.js";
import { lengthOf, plot } from "./plot.js";
import { scrubber } from "./scrubber.js";

/** @import {Finding} from "../base/shapes.js" */

/**
 * @param {Finding} finding
 * @param {import("./people.js").Seen[]} all
 * @param {import("./peaks.js").Peak[]} kept
 * @param {number} threshold
 * @param {import("./pointer.js").Pointer} where
 */
export function timeline(finding, all, kept, threshold, where) {
  const end = lengthOf(finding);
  const { node, legend } = plot(finding, all, threshold);
  const say = (/** @type {number} */ moment) => spoken(all, moment, threshold);
  const pins = kept.map((peak) => pin(peak, end, where));
  const parts = [node, scrubber(end, moments(all), say, where), pins];
  return h("div", { class: "timeline" }, h("div", { class: "plot" }, parts), legend);
}
