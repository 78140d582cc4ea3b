/** A picture with its numbered faces, their heat maps laid where they belong. */

import { h, s } from "../base/dom.js";
import { count } from "../base/words.js";
import { fader } from "./heat.js";
import { isOver } from "./people.js";

/** @import {Input} from "./finding.js" */
/** @import {Numbered, Seen} from "./people.js" */

/**
 * The reduced copy of a photo, or of a video's strongest frame.
 *
 * @param {Input} input
 * @param {Numbered[]} marked Faces seen on it, with their numbers.
 * @param {{moment?: string, remark?: string}} [words] For the caption: which moment it shows, such
 *   as " of the frame at 0:08.0", and what else there is to say.
 */
export function stage({ finding, pictures, run, load }, marked, { moment = "", remark = "" } = {}) {
  const { media } = finding;
  if (!media || !pictures?.preview) return null;
  const said = marked.length ? `${count(marked.length, "face")} marked` : "no face marked";
  const { name, width, height } = pictures.preview;
  const image = h("img", { alt: `The ${finding.kind}, reduced; ${said}.`, width, height });
  load(name, image);
  const heats = s(
    "g",
    marked.map(({ one }) => heatOn(one, load)),
  );
  const boxes = marked.map(({ label, one }) =>
    box(one.face, String(label), media, isOver(one.face, run.threshold)),
  );
  const frames = h("div", { class: "boxlayer", "aria-hidden": "true" }, boxes);
  const fade = (/** @type {number} */ share) => heats.setAttribute("opacity", String(share));
  return h(
    "figure",
    { class: "stage" },
    h("div", { class: "screen" }, image, layer(media, heats), frames),
    h(
      "figcaption",
      h("span", `Reduced copy${moment}, ${said}.${remark}`),
      heats.childElementCount > 0 && fader("Heat maps on the picture", "Heat maps", 0, fade),
      boxes.length > 0 && boxSwitch(frames),
    ),
  );
}

/** A drawing in the picture's own pixels. */
function layer(
  /** @type {{width: number, height: number}} */ media,
  /** @type {Element} */ inside,
) {
  const viewBox = `0 0 ${media.width} ${media.height}`;
  return s("svg", { class: "layer", viewBox, "aria-hidden": "true" }, inside);
}

/** @param {Seen} one @param {import("./loader.js").Load} load */
function heatOn({ pictures }, load) {
  if (!pictures?.heat) return null;
  const image = s("image", {
    width: pictures.size,
    height: pictures.size,
    transform: inverse(pictures.matrix),
  });
  load(pictures.heat, image);
  return image;
}

/** From the crop's own pixels back to the picture's. @param {number[][]} matrix */
function inverse([[a, c, e], [b, d, f]]) {
  const det = a * d - b * c;
  const [p, q, r, t] = [d / det, -b / det, -c / det, a / det];
  return `matrix(${[p, q, r, t, -(p * e + r * f), -(q * e + t * f)].join(" ")})`;
}

/**
 * One face's frame; red and doubled when it is over the threshold, otherwise white.
 *
 * @param {{box: number[]}} face
 * @param {string} label
 * @param {{width: number, height: number}} media
 * @param {boolean} over
 */
export function box({ box: [x0, y0, x1, y1] }, label, { width, height }, over) {
  const frame = h("span", { class: over ? "face-box over" : "face-box" }, h("b", label));
  const part = (/** @type {number} */ length, /** @type {number} */ whole) =>
    `${(100 * length) / whole}%`;
  frame.style.left = part(x0, width);
  frame.style.top = part(y0, height);
  frame.style.width = part(x1 - x0, width);
  frame.style.height = part(y1 - y0, height);
  return frame;
}

/** @param {HTMLElement} boxes */
export function boxSwitch(boxes) {
  const toggle = h("input", {
    type: "checkbox",
    checked: true,
    onchange: () => (boxes.hidden = !toggle.checked),
  });
  return h("label", { class: "switch" }, toggle, "Boxes");
}
