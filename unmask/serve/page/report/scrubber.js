/**
 * A slider laid over a plot: with the pointer any time, with the keys from one examined moment to
 * the next.
 */

import { h } from "../base/dom.js";

/**
 * @param {number} end Length in seconds.
 * @param {number[]} moments Examined ones, in order.
 * @param {(time: number) => string} spoken What to say of a time.
 * @param {(time: number) => void} moved
 */
export function scrubber(end, moments, spoken, moved) {
  const slider = h("input", {
    class: "scrub", type: "range", min: 0, max: end, step: "any", value: 0,
    "aria-label": "Moment of the video",
  });
  const cursor = h("span", { class: "cursor", "aria-hidden": "true" });

  /** @param {number} time */
  function set(time) {
    slider.value = String(time);
    slider.setAttribute("aria-valuetext", spoken(time));
    cursor.style.left = `${(100 * time) / end}%`;
  }

  slider.addEventListener("input", () => moved(Number(slider.value)));
  slider.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    const step = STEPS[event.key];
    if (!step) return;
    event.preventDefault();
    moved(stepped(moments, Number(slider.value), step));
  });
  return { nodes: [slider, cursor], set, slider };
}

/** @type {Record<string, number>} */
const STEPS = {
  ArrowRight: 1, ArrowUp: 1, PageUp: 5, End: Infinity,
  ArrowLeft: -1, ArrowDown: -1, PageDown: -5, Home: -Infinity,
};

/** The examined moment so many further on or back. @param {number[]} moments @param {number} time @param {number} step */
export function stepped(moments, time, step) {
  const hair = 1e-3;
  const before = moments.filter((one) => one < time - hair).length;
  const here = moments.filter((one) => one <= time + hair).length;
  const place = step > 0 ? here + step - 1 : before + step;
  return moments[Math.min(Math.max(place, 0), moments.length - 1)] ?? 0;
}
