/**
 * A video's scores over time as a drawing: a line per person, forged stretches, the threshold.
 *
 * Drawn in a stretched box of fixed units with strokes that do not scale; the words beside it are
 * ordinary text, which keeps its size.
 *
 * @import {Finding} from "../base/shapes.js"
 * @import {Seen} from "./people.js"
 * @typedef {{time: number, probability: number, low: number, high: number}} Dot
 */

import { h, s } from "../base/dom.js";
import { clock, percent } from "../base/words.js";
import { unit } from "./gauge.js";
import { byPerson } from "./people.js";

const STEPS = [0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400];
const TICKS = 6;
const COLUMNS = 400;
const STYLES = 6;

/**
 * The length of the time line in seconds: never nothing, and never short of a face.
 *
 * @param {Finding} finding
 */
export function lengthOf(finding) {
  return Math.max(
    1e-3,
    finding.media?.duration ?? 0,
    ...finding.faces.map((face) => face.time ?? 0),
  );
}

/**
 * @param {Finding} finding
 * @param {Seen[]} all
 * @param {number} threshold
 */
export function plot(finding, all, threshold) {
  const end = lengthOf(finding);
  const tracks = judged(all);
  const drawing = s(
    "svg",
    {
      viewBox: "0 0 1000 100",
      preserveAspectRatio: "none",
      role: "img",
      "aria-label": spoken(finding, tracks),
    },
    s("path", { class: "grid", d: "M0 0H1000M0 50H1000M0 100H1000" }),
    finding.segments.map((stretch) => shade(stretch, end)),
    s("path", { class: "limit", d: `M0 ${100 - unit(threshold)}H1000` }),
    [...tracks.values()].map((dots, i) => line(i, thin(dots, end), end)),
  );
  return {
    node: [drawing, ...scale(threshold), ...ticks(end)],
    legend: legend([...tracks.keys()], finding.segments.length > 0),
  };
}

/** Judged faces by person, in order of time. @param {Seen[]} all @returns {Map<number, Dot[]>} */
function judged(all) {
  const dots = new Map();
  for (const [track, some] of byPerson(all)) {
    const kept = some
      .filter(({ face }) => face.time !== null && face.probability !== null)
      .map(({ face }) => {
        const probability = Number(face.probability);
        const [low, high] = face.interval ?? [probability, probability];
        return { time: Number(face.time), probability, low, high };
      });
    if (kept.length) dots.set(track, kept);
  }
  return dots;
}

/** At most one dot a column, the strongest, so that hours stay small and no peak is lost. */
function thin(/** @type {Dot[]} */ dots, /** @type {number} */ end) {
  /** @type {Map<number, Dot>} */
  const best = new Map();
  for (const dot of dots) {
    const column = Math.floor((COLUMNS * dot.time) / end);
    const other = best.get(column);
    if (!other || dot.probability > other.probability) best.set(column, dot);
  }
  return [...best.values()];
}

/** One person: the interval as a band, the score as a line, broken where the face was away. */
function line(/** @type {number} */ index, /** @type {Dot[]} */ dots, /** @type {number} */ end) {
  const at = (/** @type {number} */ time, /** @type {number} */ p) =>
    `${((1000 * time) / end).toFixed(1)} ${(100 - unit(p)).toFixed(2)}`;
  const parts = broken(dots);
  const ribbon = parts
    .map(
      (part) =>
        `M${[
          ...part.map((dot) => at(dot.time, dot.high)),
          ...part.toReversed().map((dot) => at(dot.time, dot.low)),
        ].join("L")}Z`,
    )
    .join("");
  return s(
    "g",
    { class: `track t${index % STYLES}` },
    s("path", { class: "ribbon", d: ribbon }),
    s("path", {
      d: parts
        .map((part) => `M${part.map((dot) => at(dot.time, dot.probability)).join("L")}`)
        .join(""),
    }),
    dots.length <= COLUMNS / 4 &&
      s("path", {
        class: "points",
        d: dots.map((dot) => `M${at(dot.time, dot.probability)}h.01`).join(""),
      }),
  );
}

/** @param {Dot[]} dots @returns {Dot[][]} */
function broken(dots) {
  const steps = dots
    .slice(1)
    .map((dot, i) => dot.time - dots[i].time)
    .sort((a, b) => a - b);
  const longest = steps.length ? 3 * steps[Math.floor(steps.length / 2)] : 0;
  /** @type {Dot[][]} */
  const parts = [];
  for (const dot of dots) {
    const part = parts.at(-1);
    if (part && dot.time - part[part.length - 1].time <= longest) part.push(dot);
    else parts.push([dot]);
  }
  return parts;
}

/** @param {{start: number, end: number}} stretch @param {number} end */
function shade(stretch, end) {
  const [left, right] = [stretch.start, stretch.end].map(
    (t) => (1000 * Math.min(Math.max(t, 0), end)) / end,
  );
  // A stretch of a single frame has no length but must not vanish.
  return s("rect", { class: "shade", x: left, width: Math.max(right - left, 4), height: 100 });
}

/**
 * Labels of the upright axis; those that the threshold's own would cover are left out.
 *
 * @param {number} threshold
 */
function scale(threshold) {
  const limit = unit(threshold);
  const label = (/** @type {number} */ at, /** @type {string} */ text, name = "y") => {
    const node = h("span", { class: name, "aria-hidden": "true" }, text);
    node.style.bottom = `${at}%`;
    return node;
  };
  const sides = [0, 50, 100]
    .filter((at) => Math.abs(at - limit) > 9)
    .map((at) => label(at, `${at}%`));
  return [...sides, label(limit, percent(threshold), "y limit")];
}

/** @param {number} end */
function ticks(end) {
  const step = STEPS.find((one) => end / one <= TICKS) ?? end / TICKS;
  return Array.from({ length: Math.floor(end / step + 1e-9) + 1 }, (_, i) => {
    const node = h(
      "span",
      { class: "x", "aria-hidden": "true" },
      clock(i * step, step < 1 ? 1 : 0),
    );
    node.style.left = `${(100 * i * step) / end}%`;
    return node;
  });
}

/** @param {number[]} tracks @param {boolean} forged */
function legend(tracks, forged) {
  const key = (
    /** @type {string} */ name,
    /** @type {Element} */ mark,
    /** @type {string} */ text,
  ) =>
    h(
      "li",
      s("svg", { class: `key ${name}`, viewBox: "0 0 24 8", "aria-hidden": "true" }, mark),
      text,
    );
  return h(
    "ul",
    { class: "legend" },
    tracks.map((track, i) =>
      key(`track t${i % STYLES}`, s("path", { d: "M0 4H24" }), `Person ${track + 1}`),
    ),
    key("", s("path", { class: "limit", d: "M0 4H24" }), "Threshold"),
    forged &&
      key("", s("rect", { class: "shade", width: 24, height: 8 }), "Stretch over the threshold"),
  );
}

/**
 * The time line in words, for those who cannot see it.
 *
 * @param {Finding} finding
 * @param {Map<number, Dot[]>} tracks
 */
function spoken(finding, tracks) {
  const said = [...tracks].map(([track, dots]) => {
    const top = dots.reduce((a, b) => (b.probability > a.probability ? b : a));
    return `person ${track + 1} peaks at ${percent(top.probability)}, ${clock(top.time)}`;
  });
  for (const { start, end } of finding.segments)
    said.push(`over the threshold from ${clock(start)} to ${clock(end)}`);
  return `Probability over time: ${said.join("; ") || "no face could be judged"}.`;
}
