/**
 * How to examine: folded away, since the usual answers are good ones.
 *
 * @typedef {{node: HTMLElement, fields: () => [string, string][]}} Options
 */

import { detectors } from "../base/api.js";
import { trouble } from "../base/dialogs.js";
import { h } from "../base/dom.js";

const POINTS = [
  ["fpr=0.01", "1 in 100"],
  ["fpr=0.05", "5 in 100 (usual)"],
  ["fpr=0.1", "10 in 100"],
];
const PROMISES = [
  ["", "No promise"],
  ["0.05", "5 in 100"],
  ["0.1", "10 in 100"],
  ["0.2", "20 in 100"],
];
const FRAMES = [
  ["", "32 (usual)"],
  ["100", "100"],
  ["300", "300"],
  ["all", "All (slow)"],
];

const PICTURES = [
  ["", "Keep them (usual)"],
  ["no", "Keep none"],
];

const ALARMS =
  "How many unmanipulated faces may reach the threshold by mistake. Fewer false alarms mean more " +
  "missed forgeries.";
const PROMISE =
  "Answer only where no more wrong answers can be promised, for genuine and for manipulated " +
  "faces alike. All else becomes inconclusive.";
const EXAMINED =
  "How many are examined, spread evenly; what lies between them is not seen. More take longer.";
const KEPT =
  "Without them the report has neither preview, faces nor heat maps, and only its numbers and words " +
  "stay on the disk.";

/** @returns {Options} */
export function options() {
  const boxes = h("div", { class: "boxes" });
  const at = selection("at", POINTS, "fpr=0.05");
  const promise = selection("promise", PROMISES, "");
  const frames = selection("frames", FRAMES, "");
  const pictures = selection("pictures", PICTURES, "");
  const node = h(
    "details",
    { class: "options", ontoggle: () => node.open && fill(boxes) },
    h("summary", "Options"),
    h(
      "div",
      { class: "fields" },
      field(at, "False alarms", ALARMS),
      field(promise, "Promised error", PROMISE),
      field(frames, "Frames of a video", EXAMINED),
      field(pictures, "Pictures in the report", KEPT),
      h("fieldset", h("legend", "Detectors"), boxes),
    ),
  );
  return { node, fields: () => fields(boxes, { at, promise, frames, pictures }) };
}

/** Only what differs from the server's own defaults is sent, so that equal questions stay equal. */
function fields(
  /** @type {HTMLElement} */ boxes,
  /** @type {Record<string, HTMLSelectElement>} */ selects,
) {
  /** @type {[string, string][]} */
  const chosen = Object.entries(selects).map(([name, select]) => [name, select.value]);
  const all = /** @type {HTMLInputElement[]} */ ([...boxes.querySelectorAll("input")]);
  const usual = all.every((box) => box.checked === box.defaultChecked);
  const names = all.filter((box) => box.checked).map((box) => box.value);
  if (names.length && !usual) chosen.push(["detectors", names.join(",")]);
  return chosen.filter(([, value]) => value !== "");
}

/** @param {string} id @param {string[][]} choices @param {string} usual */
function selection(id, choices, usual) {
  return h(
    "select",
    { id, "aria-describedby": `${id}-hint` },
    choices.map(([value, text]) => h("option", { value, selected: value === usual }, text)),
  );
}

/** @param {HTMLElement} control @param {string} name @param {string} hint */
function field(control, name, hint) {
  return h(
    "div",
    { class: "field" },
    h("label", { for: control.id }, name),
    control,
    h("p", { class: "hint", id: `${control.id}-hint` }, hint),
  );
}

/** The installed detectors, asked for when the fold is first opened. */
async function fill(/** @type {HTMLElement} */ boxes) {
  if (boxes.childElementCount) return;
  boxes.append(h("p", { class: "hint" }, "Asking which detectors are installed…"));
  try {
    boxes.replaceChildren(...(await detectors()).map(box));
  } catch (error) {
    boxes.replaceChildren();
    boxes.append(trouble(error, () => (boxes.replaceChildren(), fill(boxes))));
  }
}

/** @param {import("../base/shapes.js").Detector} one */
function box(one) {
  const id = `detector-${one.name}`;
  return h(
    "div",
    { class: "box" },
    h("input", {
      type: "checkbox",
      id,
      value: one.name,
      checked: one.default,
      "aria-describedby": `${id}-hint`,
    }),
    h("label", { for: id }, one.title, " ", h("code", `${one.name} ${one.version}`)),
    h("p", { class: "hint", id: `${id}-hint` }, one.description),
    h(
      "details",
      { class: "limits" },
      h("summary", `Limits of ${one.name}`),
      h(
        "ul",
        { class: "hint" },
        one.limits.map((limit) => h("li", limit)),
      ),
    ),
  );
}
