/** The video itself, from the file that is still open in this tab; the faces are marked on it. */

import { h, icon } from "../base/dom.js";
import { clock } from "../base/words.js";
import { isOver, nearest, time } from "./people.js";
import { box, boxSwitch } from "./stage.js";

/** @import {Finding} from "../base/shapes.js" */
/** @import {Seen} from "./people.js" */

// Pictures are shown from the start of their time on; rounding must not fall short of it.
const HAIR = 2e-3;

/**
 * @param {File} file
 * @param {Finding} finding
 * @param {Seen[]} all
 * @param {number} threshold
 * @param {AbortSignal} signal
 * @param {(time: number) => void} moved Called while it plays.
 * @param {() => void} refused Called when this browser cannot show the file.
 */
export function player(file, finding, all, threshold, signal, moved, refused) {
  const address = URL.createObjectURL(file);
  signal.addEventListener("abort", () => (view.pause(), URL.revokeObjectURL(address)));
  const view = h("video", { src: address, muted: true, playsinline: true, preload: "auto", onerror: refused, "aria-label": "The video" });
  view.muted = true;
  const boxes = h("div", { class: "boxlayer", "aria-hidden": "true" });
  const play = h("button", { type: "button", class: "small", onclick: () => (view.paused ? view.play() : view.pause()) });
  const told = h("span", {});
  const reach = spacing(all) / 2;

  /** @param {number} at */
  function mark(at) {
    told.textContent = `The file in this browser, at ${clock(at)}.`;
    const when = time(nearest(all, at, time));
    const near = Math.abs(when - at) <= reach ? all.filter((one) => time(one) === when) : [];
    boxes.replaceChildren(...near.map(({ face }) =>
      box(face, String(face.track + 1), /** @type {any} */ (finding.media), isOver(face, threshold))));
  }

  function dress() {
    play.replaceChildren(icon(view.paused ? "play" : "pause"), view.paused ? "Play" : "Pause");
  }

  function follow() {
    if (view.paused || signal.aborted) return;
    moved(view.currentTime);
    requestAnimationFrame(follow);
  }

  view.addEventListener("play", () => (dress(), follow()));
  view.addEventListener("pause", dress);
  dress();
  const node = h("figure", { class: "stage" }, h("div", { class: "screen" }, view, boxes),
    h("figcaption", {}, told, play, boxSwitch(boxes)));
  /** @param {number} at */
  const seek = (at) => {
    if (view.paused) view.currentTime = at + HAIR;
    mark(at);
  };
  return { node, seek, pause: () => view.pause() };
}

/** The usual pause between two examined moments, seconds. @param {Seen[]} all */
function spacing(all) {
  const times = [...new Set(all.map(time))].sort((a, b) => a - b);
  const steps = times.slice(1).map((one, i) => one - times[i]).sort((a, b) => a - b);
  return steps[Math.floor(steps.length / 2)] ?? 1;
}
