/** All about one input: the answer, the picture, time line or faces, the file's own facts. */

import { h, icon } from "../base/dom.js";
import { shown } from "../base/names.js";
import { between, percent, state } from "../base/words.js";
import { sentences } from "./face.js";
import { every, faces } from "./faces.js";
import { facts, provenance } from "./facts.js";
import { gauge } from "./gauge.js";
import { seen } from "./people.js";
import { stage } from "./stage.js";
import { video } from "./video.js";

/** @import {FileFacts, Finding, Pictures, Run} from "../base/shapes.js" */

/**
 * A finding and what it is shown with; `alone`: it is the only one of its analysis.
 *
 * @typedef {{finding: Finding, pictures: Pictures | null, facts: FileFacts | undefined,
 *   file: File | undefined, run: Run, load: import("./loader.js").Load,
 *   signal: AbortSignal, alone: boolean}} Input
 */

/** @param {Input} input @returns {HTMLElement[]} Pieces of the page, in their order. */
export function body(input) {
  const { finding } = input;
  const all = seen(finding, input.pictures);
  const { picture, parts } = (finding.kind === "video" ? video : photo)(input, all);
  const answer = h(
    "div",
    { class: picture ? "answer pictured" : "answer" },
    words(input),
    picture,
    facts(finding, input.facts),
  );
  const numbers = finding.kind === "video" || all.length > 1 ? every(finding) : null;
  return [answer, ...parts, numbers, provenance(finding)].filter((part) => part !== null);
}

/** @param {Input} input @param {import("./people.js").Seen[]} all */
function photo(input, all) {
  const numbered = all.map((one, i) => ({ label: i + 1, one }));
  return { picture: stage(input, numbered), parts: [faces(numbered, input.run, input.load)] };
}

/** The answer; a heading where no other one names the input. @param {Input} input */
function words({ finding, run, alone }) {
  const what = state(finding);
  return h(
    "div",
    { class: `words ${what.key}` },
    h(alone ? "h2" : "p", { class: "verdict" }, icon(what.key), what.title),
    finding.probability !== null && certainty(finding, run.threshold),
    finding.error &&
      h("p", shown(finding.error.message), " ", h("code", shown(finding.error.code))),
    what.meaning && h("p", what.meaning),
    finding.notes.length > 0 &&
      !["noface", "failed"].includes(what.key) &&
      h(
        "div",
        { class: "doubts" },
        h("h3", "Reasons to doubt this answer"),
        sentences(finding.notes),
      ),
  );
}

/** @param {Finding} finding @param {number} threshold */
function certainty(finding, threshold) {
  const doubt = between(finding.interval);
  const several = new Set(finding.faces.map((face) => face.track)).size > 1;
  const worst = several ? ` for the worst ${finding.kind === "video" ? "person" : "face"}` : "";
  return [
    h(
      "p",
      { class: "certainty" },
      h("b", percent(finding.probability)),
      ` probability of manipulation${worst}`,
      doubt && h("span", `, 95% interval ${doubt}`),
    ),
    gauge(finding.probability, finding.interval, threshold),
    ends(threshold),
  ];
}

/**
 * Labels under the large gauge; the threshold's own has the right of way.
 *
 * @param {number} threshold
 */
function ends(threshold) {
  const limit = h("span", { class: "limit" }, `threshold ${percent(threshold)}`);
  limit.style.left = `clamp(3.5rem, ${100 * threshold}%, 100% - 3.5rem)`;
  return h(
    "p",
    { class: "ends", "aria-hidden": "true" },
    threshold > 0.25 && h("span", "0%"),
    limit,
    threshold < 0.75 && h("span", { class: "last" }, "100%"),
  );
}
