/** A face with its heat map, faded in and out by a slider, as one picture is laid over another. */

import { h, unique } from "../base/dom.js";

const PARTS = [
  ["upper", "", "lower"],
  ["left", "", "right"],
];
/** Opacity of the map where its strength is 0.3; below that nothing can be said of its place. */
const WEAK = 0.205;

/**
 * @param {import("../base/shapes.js").FacePictures} pictures
 * @param {string} name Such as "face 1".
 * @param {import("./loader.js").Load} load
 * @param {{share: number}} [fade] Percent, kept where the next face shall have the same.
 */
export function heated(pictures, name, load, fade = { share: 100 }) {
  const crop = h("img", { alt: `${name}, cut out`, width: pictures.size, height: pictures.size });
  load(pictures.crop, crop);
  // Without a heat map the crop was cut for the eye, not by a detector's recipe.
  if (!pictures.heat)
    return h(
      "figure",
      { class: "heated" },
      h("span", { class: "stack" }, crop),
      h("figcaption", "The face"),
    );
  const where = h("small", { class: "where" });
  const heat = h("img", {
    class: "heat",
    alt: "",
    onload: () => (where.textContent = whereHot(heat)),
  });
  load(pictures.heat, heat);
  return h(
    "figure",
    { class: "heated" },
    h("span", { class: "stack" }, crop, heat),
    h(
      "figcaption",
      fader(`Heat map of ${name}`, "Heat map", fade.share, (share) => {
        heat.style.opacity = String(share);
        fade.share = 100 * share;
      }),
      h("span", { class: "ramp" }, "weak", h("i"), "strong"),
      where,
    ),
  );
}

/**
 * A slider of strength, 0 to 100 %.
 *
 * @param {string} spoken What it is, for those who hear it.
 * @param {string} word What it is, for those who see it.
 * @param {number} start
 * @param {(share: number) => void} act Called at once and with every change, 0..1.
 */
export function fader(spoken, word, start, act) {
  const id = unique("fader");
  // Not an <output>: the slider says its value itself.
  const told = h("span", { class: "share", "aria-hidden": "true" });
  const move = () => {
    told.textContent = `${slider.value}%`;
    slider.setAttribute("aria-valuetext", `${slider.value}%`);
    act(Number(slider.value) / 100);
  };
  const slider = h("input", {
    type: "range",
    id,
    min: 0,
    max: 100,
    step: 5,
    value: start,
    "aria-label": spoken,
    oninput: move,
  });
  move();
  return h("span", { class: "fader" }, h("label", { for: id }, word), slider, told);
}

/**
 * Where a loaded heat map is strongest, in words. Its lightness rises with its strength.
 *
 * @param {HTMLImageElement} image
 */
function whereHot(image) {
  const canvas = h("canvas", { width: image.naturalWidth, height: image.naturalHeight });
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  pen.drawImage(image, 0, 0);
  const { data, width, height } = pen.getImageData(0, 0, canvas.width, canvas.height);
  let best = 0;
  let place = 0;
  for (let i = 0; i < data.length; i += 4) {
    const light = data[i + 3] > 255 * WEAK ? data[i] + 2 * data[i + 1] + data[i + 2] : 0;
    if (light > best) [best, place] = [light, i / 4];
  }
  if (!best) return "Weak everywhere.";
  const row = PARTS[0][Math.floor((Math.floor(place / width) * 3) / height)];
  const column = PARTS[1][Math.floor(((place % width) * 3) / width)];
  const words = [row, column].filter(Boolean).join(" ");
  return `Strongest in the ${words ? `${words} part` : "middle"}.`;
}
