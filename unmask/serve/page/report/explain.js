/** How to read a report, and how it was made; the same words as in the exported page. */

import { h, table } from "../base/dom.js";
import { shown } from "../base/names.js";
import { falseAlarms, moment, percent, underPrior } from "../base/words.js";

/** @import {Run} from "../base/shapes.js" */

/** @type {[string, number][]} */
const PRIORS = [
  ["1 in 2 (assumed here)", 0.5],
  ["1 in 10", 0.1],
  ["1 in 100", 0.01],
  ["1 in 1,000", 0.001],
];
const EXAMPLES = [0.7, 0.9, 0.99];
const PROBABILITY = [
  "It says how likely a face is manipulated ",
  "if manipulated and unmanipulated faces were equally frequent",
  ", one in two. The interval is the doubt left by the calibration data. It does not cover kinds " +
    "of forgery that no detector has seen.",
];
const VERDICT =
  "“No evidence of manipulation found” is not a seal of authenticity, and “Likely " +
  "manipulated” is not a proof. Decide nothing of weight on this report alone: look for the " +
  "first publication, the original file, other pictures of the same moment, and ask a specialist.";
const HEAT =
  "It shows where a detector reacted, not what was changed. Bright is strong, and what is not " +
  "coloured left it cold.";
const LIMITS = [
  "Detectors know the traces they were trained on. A new kind of forgery can pass unseen.",
  "Small, blurred, covered or turned faces, heavy compression, screenshots and repeated uploads " +
    "wash traces out or look like them.",
  "Retouching, filters and phone cameras’ own processing can raise a score.",
  "A video is judged by the frames that were examined; what lies between them was not seen.",
  "Only faces are judged, never the scene, the sound, the caption or the person’s identity.",
  "Pictures here are reduced copies for display. Examine the original file.",
];

/** @param {Run} run */
export function explained(run) {
  const [before, assumed, after] = PROBABILITY;
  const limits = LIMITS.map((limit) => h("li", limit));
  return h(
    "details",
    { class: "how" },
    h("summary", h("h2", "How to read this")),
    h(
      "div",
      { class: "columns" },
      h(
        "div",
        h("h3", "The probability"),
        h("p", before, h("em", assumed), after),
        h("p", "Where manipulation is rarer, the same evidence weighs less:"),
        priors(),
      ),
      h(
        "div",
        h("h3", "The verdict"),
        h("p", threshold(run)),
        h("p", VERDICT),
        h("h3", "The heat map"),
        h("p", HEAT),
      ),
      h("div", h("h3", "Limits"), h("ul", limits)),
    ),
  );
}

/** What the operating point means, as far as its kind is known. @param {Run} run */
function threshold(run) {
  const place = `${percent(run.threshold)} (${run.operating_point})`;
  const alarms = falseAlarms(run.operating_point);
  const promise =
    `It was chosen so that ${alarms} unmanipulated faces reach it by mistake, on pictures like ` +
    "those it was set with; on other pictures the share can be higher. The more faces are " +
    "examined, the more false alarms are to be expected.";
  return `A face counts as over the threshold from ${place}. ${alarms && promise}`;
}

/** The same evidence where forgeries are rarer than the calibration assumes. */
function priors() {
  const titles = EXAMPLES.map((p) => `${percent(p)} becomes`);
  const rows = PRIORS.map(([name, prior]) =>
    h(
      "tr",
      h("th", { scope: "row" }, name),
      EXAMPLES.map((p) => h("td", percent(underPrior(p, prior)))),
    ),
  );
  return table("priors", ["Manipulated faces", ...titles], rows);
}

/** @param {Run} run */
export function made(run) {
  const facts = [
    ["Unmask", run.version],
    ["Examined", moment(run.created)],
    ["Computed on", `${run.provider}, threads per model: ${run.threads}`],
    ["Operating point", `${run.operating_point}, threshold ${percent(run.threshold)}`],
  ];
  const rows = run.detectors.map((one) =>
    h(
      "tr",
      h("th", { scope: "row" }, shown(one.name)),
      h("td", shown(one.version)),
      h("td", percent(one.threshold)),
      h("td", h("code", one.sha256)),
    ),
  );
  const titles = ["Detector", "Version", "Threshold", "SHA-256 of the model"];
  return h(
    "details",
    { class: "how" },
    h("summary", h("h2", "How this was made")),
    h(
      "dl",
      { class: "file" },
      facts.map(([name, value]) => [h("dt", name), h("dd", shown(value))]),
    ),
    h(
      "div",
      { class: "wide", tabindex: "0", role: "group", "aria-label": "Detectors" },
      table("detectors", titles, rows),
    ),
    h("p", { class: "hint" }, "The same files, detectors and version give the same scores."),
  );
}
