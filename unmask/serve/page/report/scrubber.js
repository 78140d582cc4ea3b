/**
 * A slider laid over a plot: with the pointer any time, with the keys from one examined moment to
 * the next.
 */

import { h } from "../base/dom.js";

/** @type {Record<string, number>} */
const STEPS = {
  ArrowRight: 1,
  ArrowUp: 1,
  PageUp: 5,
  End: Infinity,
  ArrowLeft: -1,
  ArrowDown: -1,
  PageDown: -5,
  Home: -Infinity,
};

/**
 * @param {number} end Length in seconds.
 * @param {number[]} moments Examined ones, in order.
 * @param {(time: number) => string} spoken What to say of a time.
 * @param {import("./pointer.js").Pointer} where
 */
export function scrubber(end, moments, spoken, where) {
  const slider = h("input", {
    class: "scrub",
    type: "range",
    min: 0,
    max: end,
    step: "any",
    value: 0,
    "aria-label": "Moment of the video",
    oninput: () => where.go(Number(slider.value)),
    onkeydown: (/** @type {KeyboardEvent} */ event) => {
      const step = STEPS[event.key];
      if (!step) return;
      event.preventDefault();
      where.go(stepped(moments, where.at, step));
    },
  });
  const cursor = h("span", { class: "cursor", "aria-hidden": "true" });
  where.on((time) => {
    slider.value = String(time);
    slider.setAttribute("aria-valuetext", spoken(time));
    cursor.style.left = `${(100 * time) / end}%`;
  });
  return [slider, cursor];
}

/**
 * The examined moment so many further on or back.
 *
 * @param {number[]} moments
 * @param {number} time
 * @param {number} step
 */
export function stepped(moments, time, step) {
  const hair = 1e-3;
  const before = moments.filter((one) => one < time - hair).length;
  const here = moments.filter((one) => one <= time + hair).length;
  const place = step > 0 ? here + step - 1 : before + step;
  return moments[Math.min(Math.max(place, 0), moments.length - 1)];
}
