/** The video itself, from the file that is still open in this tab; the faces are marked on it. */

import { button, h, icon } from "../base/dom.js";
import { clock } from "../base/words.js";
import { at } from "./moment.js";
import { isOver, moments, time } from "./people.js";
import { box, boxSwitch } from "./stage.js";

/** @import {Media} from "../base/shapes.js" */
/** @import {Input} from "./finding.js" */
/** @import {Seen} from "./people.js" */

// Pictures are shown from the start of their time on; rounding must not fall short of it.
const HAIR = 2e-3;

/**
 * @param {Input} input
 * @param {File} file
 * @param {Seen[]} all
 * @param {import("./pointer.js").Pointer} where
 * @param {() => void} refused Called when this browser cannot show the file.
 * @returns {HTMLElement}
 */
export function player({ finding, run, signal }, file, all, where, refused) {
  const media = /** @type {Media} */ (finding.media);
  const view = film(file, signal, refused);
  const boxes = h("div", { class: "boxlayer", "aria-hidden": "true" });
  const told = h("span");
  const reach = spacing(moments(all)) / 2;
  where.on((moment, playing) => {
    if (!playing) seek(view, moment);
    told.textContent = `The file in this browser, at ${clock(moment)}.`;
    const near = at(all, moment).filter((one) => Math.abs(time(one) - moment) <= reach);
    const marks = near.map(({ face }) =>
      box(face, String(face.track + 1), media, isOver(face, run.threshold)),
    );
    boxes.replaceChildren(...marks);
  });
  const follow = () => {
    if (view.paused || signal.aborted) return;
    where.go(view.currentTime, true);
    requestAnimationFrame(follow);
  };
  view.addEventListener("play", follow);
  return h(
    "figure",
    { class: "stage" },
    h("div", { class: "screen" }, view, boxes),
    h("figcaption", told, playButton(view), boxSwitch(boxes)),
  );
}

/** @param {File} file @param {AbortSignal} signal @param {() => void} refused */
function film(file, signal, refused) {
  const address = URL.createObjectURL(file);
  /** @type {HTMLVideoElement} */
  const view = h("video", {
    src: address,
    playsinline: true,
    preload: "auto",
    "aria-label": "The video",
    onerror: refused,
  });
  view.muted = true;
  signal.addEventListener("abort", () => {
    view.pause();
    URL.revokeObjectURL(address);
  });
  return view;
}

/** @param {HTMLVideoElement} view @param {number} moment */
function seek(view, moment) {
  view.pause();
  view.currentTime = moment + HAIR;
}

/** @param {HTMLVideoElement} view */
function playButton(view) {
  const play = button({
    class: "small",
    onclick: () => (view.paused ? view.play() : view.pause()),
  });
  const dress = () =>
    play.replaceChildren(icon(view.paused ? "play" : "pause"), view.paused ? "Play" : "Pause");
  view.addEventListener("play", dress);
  view.addEventListener("pause", dress);
  dress();
  return play;
}

/** The usual time between two examined moments, seconds. @param {number[]} times */
function spacing(times) {
  const steps = times.slice(1).map((one, i) => one - times[i]);
  return steps.sort((a, b) => a - b)[Math.floor(steps.length / 2)] ?? 1;
}
