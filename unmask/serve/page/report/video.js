/** A video: its time line, the moment that is looked at, and the pictures kept of its peaks. */

import { h, icon, say } from "../base/dom.js";
import { clock, percent } from "../base/words.js";
import { card } from "./face.js";
import { unit } from "./gauge.js";
import { byPerson, isOver, moments, nearest, strength, strongest, time } from "./people.js";
import { player } from "./player.js";
import { lengthOf, plot } from "./plot.js";
import { scrubber, stepped } from "./scrubber.js";
import { stage } from "./stage.js";

/** @import {Finding, Pictures, Run} from "../base/shapes.js" */
/** @import {Seen} from "./people.js" */

const LETTERS = "ABCDEFGHIJKL";

/**
 * @param {Finding} finding
 * @param {Seen[]} all
 * @param {Pictures | null} pictures
 * @param {Run} run
 * @param {import("./loader.js").Load} load
 * @param {AbortSignal} signal
 * @param {File | undefined} file The video, if this tab still has it.
 * @returns {{stage: HTMLElement | null, section: HTMLElement | null}}
 */
export function video(finding, all, pictures, run, load, signal, file) {
  const still = () => stage(finding, pictures, onPreview(all), run.threshold, load, all.length ? ` of the frame at ${clock(strongest(all).face.time)}` : "");
  if (!all.length) return { stage: still(), section: null };
  const examined = moments(all);
  let at = time(strongest(all));

  /** @param {number} moment */
  const go = (moment) => {
    at = moment;
    bar.set(at);
    now.textContent = `${clock(at)} of ${clock(lengthOf(finding))}`;
    screen?.seek(at);
    panel.show(at);
  };
  /** @param {number} moment A place that was chosen, so playing stops. */
  const jump = (moment) => (screen?.pause(), go(moment));
  let screen = file && player(file, finding, all, run.threshold, signal, (moment) => go(moment), () => {
    const kept = still();
    kept?.querySelector("figcaption span")?.append(" This browser cannot play the file itself.");
    screen?.node.replaceWith(kept ?? "");
    screen = undefined;
  });
  const bar = scrubber(lengthOf(finding), examined, (moment) => spoken(all, moment, run.threshold), jump);
  const panel = around(all, run, load);
  const now = h("span", { class: "now" });
  const kept = peaks(all);
  const { node, legend } = plot(finding, all, run.threshold);
  const section = h(
    "section", { class: "video" }, h("h3", {}, "Over time"), stretches(finding, jump),
    h("div", { class: "timeline" },
      h("div", { class: "plot" }, node, bar.nodes, kept.map((one) => pin(one, lengthOf(finding), jump))), legend),
    steps(now, (step) => {
      jump(stepped(examined, at, step));
      say(spoken(all, at, run.threshold));
    }),
    panel.node,
    kept.length > 1 && strip(kept, run, load, jump),
    people(all, run, jump),
    h("p", { class: "hint" }, "Dots are single frames. The verdict goes by averages over neighbouring frames, so one frame over the threshold need not decide it."),
  );
  go(at);
  return { stage: screen?.node ?? still(), section };
}

/** Faces of the frame that the preview shows, numbered by person. @param {Seen[]} all */
function onPreview(all) {
  if (!all.length) return [];
  const when = time(strongest(all));
  return all.filter((one) => time(one) === when).map((one) => ({ label: one.face.track + 1, one }));
}

/** A moment in words, for those who hear the slider. */
function spoken(/** @type {Seen[]} */ all, /** @type {number} */ moment, /** @type {number} */ threshold) {
  const when = time(nearest(all, moment, time));
  const said = all.filter((one) => time(one) === when).map(({ face }) =>
    `person ${face.track + 1} ${percent(face.probability)}${isOver(face, threshold) ? ", over the threshold" : ""}`);
  return `${clock(when)}: ${said.join("; ")}`;
}

/** @param {Finding} finding @param {(time: number) => void} jump */
function stretches(finding, jump) {
  if (!finding.segments.length) return h("p", {}, "No stretch of the video reaches the threshold.");
  return h("ul", { class: "stretches" }, finding.segments.map((one) => h("li", {},
    "Over the threshold from ",
    h("button", { type: "button", class: "link", onclick: () => jump(one.start) }, `${clock(one.start)} to ${clock(one.end)}`),
    `: person ${one.track + 1}, up to ${percent(one.probability)}`)));
}

/** @param {HTMLElement} now @param {(step: number) => void} step */
function steps(now, step) {
  return h("div", { class: "steps" },
    h("button", { type: "button", class: "small", "aria-label": "Examined moment before", onclick: () => step(-1) }, icon("before")),
    now,
    h("button", { type: "button", class: "small", "aria-label": "Next examined moment", onclick: () => step(1) }, icon("after")));
}

/** The faces at a moment, each with the nearest picture that was kept of that person. */
function around(/** @type {Seen[]} */ all, /** @type {Run} */ run, /** @type {import("./loader.js").Load} */ load) {
  const node = h("div", { class: "moment" });
  const people = byPerson(all);
  const fade = { share: 100 };
  let shown = NaN;

  /** @param {Seen} one */
  function made(one) {
    const kept = (people.get(one.face.track) ?? []).filter((other) => other.pictures);
    const near = kept.length ? nearest(kept, time(one), time) : null;
    const remark = near && near !== one ? `picture kept from ${clock(time(near))}` : "";
    return card(`Person ${one.face.track + 1} at ${clock(time(one))}`, one.face, near?.pictures ?? null, { run, load, remark, fade });
  }

  return {
    node,
    show(/** @type {number} */ at) {
      const when = time(nearest(all, at, time));
      if (when === shown) return;
      shown = when;
      const here = all.filter((one) => time(one) === when);
      here.sort((a, b) => strength(b.face) - strength(a.face));
      node.replaceChildren(...here.map(made));
    },
  };
}

/** The strongest moments whose pictures were kept, lettered in the order of time. @param {Seen[]} all */
function peaks(all) {
  const kept = all.filter(({ face, pictures }) => pictures && face.probability !== null);
  kept.sort((a, b) => strength(b.face) - strength(a.face));
  const best = kept.slice(0, LETTERS.length).sort((a, b) => time(a) - time(b));
  return best.map((one, i) => ({ letter: LETTERS[i], one }));
}

/** @param {{letter: string, one: Seen}} peak @param {number} end @param {(time: number) => void} jump */
function pin({ letter, one }, end, jump) {
  const label = `Moment ${letter}, ${clock(time(one))}, ${percent(one.face.probability)}`;
  const node = h("button", { type: "button", class: "pin", "aria-label": label, onclick: () => jump(time(one)) }, letter);
  node.style.left = `${(100 * time(one)) / end}%`;
  node.style.bottom = `${unit(strength(one.face))}%`;
  return node;
}

/** Small pictures of the peaks, under their heat maps. */
function strip(
  /** @type {{letter: string, one: Seen}[]} */ kept,
  /** @type {Run} */ run,
  /** @type {import("./loader.js").Load} */ load,
  /** @type {(time: number) => void} */ jump,
) {
  return h("ol", { class: "strip", "aria-label": "Pictures kept" }, kept.map(({ letter, one }) => {
    const { face, pictures } = one;
    const layers = [pictures?.crop, pictures?.heat].filter((name) => name != null).map((name) => {
      const image = h("img", { alt: "" });
      load(name, image);
      return image;
    });
    return h("li", {}, h("button", { type: "button", onclick: () => jump(time(one)) },
      h("span", { class: "stack" }, layers),
      h("span", { class: "letter" }, letter), ` ${clock(face.time)} `,
      h("b", { class: isOver(face, run.threshold) ? "over" : "under" }, percent(face.probability)),
      h("small", {}, `Person ${face.track + 1}`)));
  }));
}

/** Who is in it, when there are several. @param {Seen[]} all @param {Run} run @param {(time: number) => void} jump */
function people(all, run, jump) {
  const tracks = byPerson(all);
  if (tracks.size < 2) return null;
  const rows = [...tracks].map(([track, some]) => {
    const top = strongest(some);
    return h("tr", {}, h("th", { scope: "row" }, `Person ${track + 1}`),
      h("td", {}, h("b", { class: isOver(top.face, run.threshold) ? "over" : "under" }, percent(top.face.probability))),
      h("td", {}, h("button", { type: "button", class: "link", onclick: () => jump(time(top)) }, clock(time(top)))),
      h("td", {}, some.length));
  });
  return h("table", { class: "people" },
    h("thead", {}, h("tr", {}, ["Person", "Strongest", "At", "Moments"].map((title) => h("th", { scope: "col" }, title)))),
    h("tbody", {}, rows));
}
