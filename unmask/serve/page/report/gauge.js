/** A probability with its interval on a line from 0 to 100 %, the threshold marked. */

import { s } from "../base/dom.js";
import { between, percent } from "../base/words.js";

/** A probability on a scale of 0 to 100, kept within it. @param {number} probability */
export const unit = (probability) => Math.round(1e4 * Math.min(Math.max(probability, 0), 1)) / 100;

/**
 * @param {number | null} probability
 * @param {number[] | null} interval
 * @param {number} threshold
 * @returns {SVGSVGElement | null}
 */
export function gauge(probability, interval, threshold) {
  if (probability === null) return null;
  const doubt = between(interval);
  const label =
    `Probability ${percent(probability)}${doubt && `, 95% interval ${doubt}`}, ` +
    `threshold ${percent(threshold)}`;
  return s(
    "svg",
    {
      class: `gauge ${probability >= threshold ? "over" : "under"}`,
      viewBox: "0 0 100 20",
      preserveAspectRatio: "none",
      role: "img",
      "aria-label": label,
    },
    s("rect", { class: "rail", y: 8.5, width: 100, height: 3 }),
    interval && band(interval),
    s("path", { class: "limit", d: `M${unit(threshold)} 0V20` }),
    s("path", { class: "dot", d: `M${unit(probability)} 10h.001` }),
  );
}

/** @param {number[]} interval */
function band([low, high]) {
  return s("rect", {
    class: "band",
    x: unit(low),
    y: 5,
    width: unit(high) - unit(low),
    height: 10,
  });
}
