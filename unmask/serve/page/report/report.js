/** The report: verdicts first, then the evidence for each input, then how to read it. */

import { button, h, icon, table } from "../base/dom.js";
import { shown } from "../base/names.js";
import { between, clock, count, percent, state, tallied } from "../base/words.js";
import { original } from "../home/originals.js";
import { explained, made } from "./explain.js";
import { body } from "./finding.js";
import { gauge } from "./gauge.js";
import { loader } from "./loader.js";

/** @import {Analysis, Finding, Report} from "../base/shapes.js" */
/** @import {Input} from "./finding.js" */

const OPENED = 3;

/** @param {Analysis} analysis @param {AbortSignal} signal */
export function report(analysis, signal) {
  const told = /** @type {Report} */ (analysis.report);
  const load = loader(analysis.id, signal);
  const inputs = told.findings.map((finding, i) => ({
    finding,
    pictures: analysis.pictures?.[i] ?? null,
    facts: analysis.files[i],
    file: original(analysis.id, i),
    run: told.run,
    load,
    signal,
    alone: told.findings.length === 1,
  }));
  const parts =
    inputs.length === 1
      ? [h("div", { class: `finding alone ${state(inputs[0].finding).key}` }, body(inputs[0]))]
      : several(inputs);
  return h("div", { class: "report" }, parts, explained(told.run), made(told.run));
}

/** @param {Input[]} inputs */
function several(inputs) {
  const ranked = inputs
    .map((input, i) => ({ input, number: i + 1 }))
    .sort((a, b) => rank(a.input) - rank(b.input));
  const folds = ranked.map(({ input, number }, place) => fold(input, number, place < OPENED));
  const rows = ranked.map(({ input, number }, place) => row(input, number, folds[place]));
  const kinds = tallied(inputs.map(({ finding }) => finding));
  const tally = kinds.map(([what, some]) =>
    h("li", { class: what.key }, icon(what.key), h("b", some.length), ` ${what.title}`),
  );
  return [
    h("ul", { class: "tally" }, tally),
    h(
      "section",
      { "aria-labelledby": "verdicts" },
      h("h2", { id: "verdicts" }, "Verdicts"),
      table("verdicts", ["No.", "Verdict", "Probability of manipulation", "Input"], rows),
    ),
    h("section", { class: "evidence", "aria-label": "Evidence" }, folds),
  ];
}

/** Strongest evidence first. @param {Input} input */
function rank({ finding }) {
  return 10 * state(finding).order - (finding.probability ?? 0);
}

/**
 * An input that can be unfolded; what is inside is made when it first is.
 *
 * @param {Input} input
 * @param {number} number
 * @param {boolean} open
 */
function fold(input, number, open) {
  const { finding } = input;
  const what = state(finding);
  const inside = h("div", { class: "body" });
  const fill = () => {
    if (node.open && !inside.childElementCount) inside.append(...body(input));
  };
  const node = h(
    "details",
    { class: `finding ${what.key}`, ontoggle: fill },
    h(
      "summary",
      h("span", { class: "number" }, number),
      icon(what.key),
      h("h2", h("span", { class: "verdict" }, what.title), " ", shown(finding.path, 120)),
      finding.probability !== null && h("span", { class: "figure" }, percent(finding.probability)),
    ),
    inside,
  );
  node.open = open;
  fill();
  return node;
}

/**
 * @param {Input} input
 * @param {number} number
 * @param {HTMLDetailsElement} target What the row leads to.
 */
function row({ finding, run }, number, target) {
  const what = state(finding);
  const go = () => {
    target.open = true;
    target.querySelector("summary")?.focus({ preventScroll: true });
    target.scrollIntoView({ block: "start" });
  };
  return h(
    "tr",
    { class: what.key },
    h("td", { class: "number" }, number),
    h("th", { scope: "row" }, icon(what.key), h("span", what.title)),
    h(
      "td",
      { class: "value" },
      gauge(finding.probability, finding.interval, run.threshold),
      h("b", percent(finding.probability)),
      h("small", between(finding.interval)),
    ),
    h(
      "td",
      { class: "input" },
      button({ class: "link", onclick: go }, shown(finding.path, 120)),
      h("small", describe(finding)),
    ),
  );
}

/** What an input is, in few words. @param {Finding} finding */
function describe(finding) {
  if (finding.error) return shown(finding.error.message, 160);
  if (finding.kind !== "video" || !finding.media)
    return finding.faces.length ? count(finding.faces.length, "face") : "no face";
  const people = new Set(finding.faces.map((face) => face.track)).size;
  const parts = [`video, ${clock(finding.media.duration)}`, count(people, "person", "people")];
  if (finding.segments.length)
    parts.push(`over the threshold from ${clock(finding.segments[0].start)}`);
  return parts.join("; ");
}
