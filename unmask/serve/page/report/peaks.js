/**
 * The strongest moments of a video whose pictures were kept.
 *
 * @import {Seen} from "./people.js"
 * @import {Pointer} from "./pointer.js"
 * @typedef {{letter: string, one: Seen}} Peak
 */

import { button, h } from "../base/dom.js";
import { clock, percent } from "../base/words.js";
import { unit } from "./gauge.js";
import { isOver, strength, time } from "./people.js";

const LETTERS = "ABCDEFGHIJKL";

/** Lettered in the order of time. @param {Seen[]} all @returns {Peak[]} */
export function peaks(all) {
  const kept = all.filter(({ face, pictures }) => pictures && face.probability !== null);
  kept.sort((a, b) => strength(b.face) - strength(a.face));
  const best = kept.slice(0, LETTERS.length).sort((a, b) => time(a) - time(b));
  return best.map((one, i) => ({ letter: LETTERS[i], one }));
}

/** Its letter on the time line. @param {Peak} peak @param {number} end @param {Pointer} where */
export function pin({ letter, one }, end, where) {
  const label = `Moment ${letter}, ${clock(time(one))}, ${percent(one.face.probability)}`;
  const go = () => where.go(time(one));
  const node = button({ class: "pin", "aria-label": label, onclick: go }, letter);
  node.style.left = `${(100 * time(one)) / end}%`;
  node.style.bottom = `${unit(strength(one.face))}%`;
  return node;
}

/** Small pictures of them all, under their heat maps. */
export function strip(
  /** @type {Peak[]} */ kept,
  /** @type {number} */ threshold,
  /** @type {import("./loader.js").Load} */ load,
  /** @type {Pointer} */ where,
) {
  const items = kept.map(({ letter, one }) => {
    const { face, pictures } = one;
    const layers = [pictures?.crop, pictures?.heat].filter((name) => name != null);
    const side = isOver(face, threshold) ? "over" : "under";
    return button(
      { onclick: () => where.go(time(one)) },
      h(
        "span",
        { class: "stack" },
        layers.map((name) => layer(name, load)),
      ),
      h("span", { class: "letter" }, letter),
      ` ${clock(face.time)} `,
      h("b", { class: side }, percent(face.probability)),
      h("small", `Person ${face.track + 1}`),
    );
  });
  return h(
    "ol",
    { class: "strip", "aria-label": "Pictures kept" },
    items.map((one) => h("li", one)),
  );
}

/** @param {string} name @param {import("./loader.js").Load} load */
function layer(name, load) {
  const image = h("img", { alt: "" });
  load(name, image);
  return image;
}
