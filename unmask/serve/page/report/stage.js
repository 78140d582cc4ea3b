/** A picture with its numbered faces, their heat maps laid where they belong. */

import { h, s } from "../base/dom.js";
import { count } from "../base/words.js";
import { fader } from "./heat.js";
import { isOver } from "./people.js";

/** @import {Finding, Pictures} from "../base/shapes.js" */
/** @import {Load} from "./loader.js" */
/** @import {Seen} from "./people.js" */

/**
 * The reduced copy of a photo, or of a video's strongest frame.
 *
 * @param {Finding} finding
 * @param {Pictures | null} pictures
 * @param {{label: number, one: Seen}[]} marked Faces seen on it, with their numbers.
 * @param {number} threshold
 * @param {Load} load
 * @param {string} moment Words for the caption, such as " of the frame at 0:08.0".
 */
export function stage(finding, pictures, marked, threshold, load, moment = "") {
  const { media } = finding;
  if (!media || !pictures?.preview) return null;
  const said = marked.length ? `${count(marked.length, "face")} marked` : "no face marked";
  const image = h("img", {
    alt: `The ${finding.kind}, reduced; ${said}.`,
    width: pictures.preview.width, height: pictures.preview.height,
  });
  load(pictures.preview.name, image);
  const layer = s("svg", { class: "layer", viewBox: `0 0 ${media.width} ${media.height}`, "aria-hidden": "true" });
  const heats = s("g", {}, marked.map(({ one }) => heatOn(one, load)));
  layer.append(heats);
  const boxes = h("div", { class: "boxlayer", "aria-hidden": "true" }, marked.map((mark) =>
    box(mark.one.face, String(mark.label), media, isOver(mark.one.face, threshold))));
  return h(
    "figure", { class: "stage" },
    h("div", { class: "screen" }, image, layer, boxes),
    h("figcaption", {}, h("span", {}, `Reduced copy${moment}, ${said}.`),
      heats.childElementCount > 0 && fader("Heat maps on the picture", "Heat maps", 0, (share) => heats.setAttribute("opacity", String(share))),
      marked.length > 0 && boxSwitch(boxes)),
  );
}

/** @param {Seen} one @param {Load} load */
function heatOn({ pictures }, load) {
  if (!pictures?.heat) return null;
  const image = s("image", { width: pictures.size, height: pictures.size, transform: inverse(pictures.matrix) });
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
  const frame = h("span", { class: over ? "face-box over" : "face-box" }, h("b", {}, label));
  const place = { left: x0 / width, top: y0 / height, width: (x1 - x0) / width, height: (y1 - y0) / height };
  for (const [side, share] of Object.entries(place)) frame.style.setProperty(side, `${100 * share}%`);
  return frame;
}

/** @param {HTMLElement} boxes */
export function boxSwitch(boxes) {
  const toggle = h("input", { type: "checkbox", checked: true, onchange: () => (boxes.hidden = !toggle.checked) });
  return h("label", { class: "switch" }, toggle, "Boxes");
}
