/** A video: its time line, the moment that is looked at, and the pictures kept of its peaks. */

import { button, h, icon, say, table } from "../base/dom.js";
import { clock, percent } from "../base/words.js";
import { around, spoken } from "./moment.js";
import { peaks, strip } from "./peaks.js";
import { byPerson, isOver, moments, strongest, time } from "./people.js";
import { player } from "./player.js";
import { lengthOf } from "./plot.js";
import { Pointer } from "./pointer.js";
import { stepped } from "./scrubber.js";
import { stage } from "./stage.js";
import { timeline } from "./timeline.js";

/** @import {Finding} from "../base/shapes.js" */
/** @import {Input} from "./finding.js" */
/** @import {Seen} from "./people.js" */

const HINT =
  "Dots are single frames. The verdict goes by averages over neighbouring frames, so one frame " +
  "over the threshold need not decide it.";

/**
 * @param {Input} input
 * @param {Seen[]} all
 * @returns {{picture: HTMLElement | null, parts: HTMLElement[]}}
 */
export function video(input, all) {
  if (!all.length) return { picture: still(input, all), parts: [] };
  const { finding, load } = input;
  const { threshold } = input.run;
  const where = new Pointer(time(strongest(all)));
  const kept = peaks(all);
  const section = h(
    "section",
    { class: "video" },
    h("h3", "Over time"),
    stretches(finding, where),
    timeline(finding, all, kept, threshold, where),
    steps(finding, all, threshold, where),
    around(all, input.run, load, where),
    kept.length > 1 && strip(kept, threshold, load, where),
    people(all, threshold, where),
    h("p", { class: "hint" }, HINT),
  );
  return { picture: screen(input, all, where), parts: [section] };
}

/** The video itself, or where it cannot be shown the picture that was kept. */
function screen(
  /** @type {Input} */ input,
  /** @type {Seen[]} */ all,
  /** @type {Pointer} */ where,
) {
  if (!input.file) return still(input, all);
  const node = player(input, input.file, all, where, () => {
    node.replaceWith(still(input, all, " This browser cannot play the file itself.") ?? "");
  });
  return node;
}

/** The strongest frame, its faces numbered by person. */
function still(/** @type {Input} */ input, /** @type {Seen[]} */ all, remark = "") {
  const when = all.length ? time(strongest(all)) : null;
  const marked = all
    .filter((one) => time(one) === when)
    .map((one) => ({ label: one.face.track + 1, one }));
  const moment = when === null ? "" : ` of the frame at ${clock(when)}`;
  return stage(input, marked, { moment, remark });
}

/** @param {Finding} finding @param {Pointer} where */
function stretches(finding, where) {
  if (!finding.segments.length) return h("p", "No stretch of the video reaches the threshold.");
  const items = finding.segments.map(({ start, end, track, probability }) => {
    const go = () => where.go(start);
    return h(
      "li",
      "Over the threshold from ",
      button({ class: "link", onclick: go }, `${clock(start)} to ${clock(end)}`),
      `: person ${track + 1}, up to ${percent(probability)}`,
    );
  });
  return h("ul", { class: "stretches" }, items);
}

/** From one examined moment to the next, for hands that cannot drag. */
function steps(
  /** @type {Finding} */ finding,
  /** @type {Seen[]} */ all,
  /** @type {number} */ threshold,
  /** @type {Pointer} */ where,
) {
  const now = h("span", { class: "now" });
  where.on((at) => (now.textContent = `${clock(at)} of ${clock(lengthOf(finding))}`));
  const examined = moments(all);
  const step = (/** @type {number} */ by) => () => {
    where.go(stepped(examined, where.at, by));
    say(spoken(all, where.at, threshold));
  };
  return h(
    "div",
    { class: "steps" },
    button(
      { class: "small", "aria-label": "Examined moment before", onclick: step(-1) },
      icon("before"),
    ),
    now,
    button(
      { class: "small", "aria-label": "Next examined moment", onclick: step(1) },
      icon("after"),
    ),
  );
}

/** Who is in it, when there are several. */
function people(
  /** @type {Seen[]} */ all,
  /** @type {number} */ threshold,
  /** @type {Pointer} */ where,
) {
  const tracks = byPerson(all);
  if (tracks.size < 2) return null;
  const rows = [...tracks].map(([track, some]) => {
    const top = strongest(some);
    const side = isOver(top.face, threshold) ? "over" : "under";
    const go = () => where.go(time(top));
    return h(
      "tr",
      h("th", { scope: "row" }, `Person ${track + 1}`),
      h("td", h("b", { class: side }, percent(top.face.probability))),
      h("td", button({ class: "link", onclick: go }, clock(time(top)))),
      h("td", some.length),
    );
  });
  return table("people", ["Person", "Strongest", "At", "Moments"], rows);
}
