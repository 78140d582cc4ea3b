/**
 * Names and entries that strangers chose, made safe to read.
 *
 * What is not plainly visible in them (controls, direction overrides, zero-width marks) is shown
 * as its code, so that no name can pretend to be another.
 */

import { h } from "./dom.js";

const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}]/gu;

/** @param {string} char */
function code(char) {
  const number = /** @type {number} */ (char.codePointAt(0));
  return `U+${number.toString(16).toUpperCase().padStart(4, "0")}`;
}

/** Text for an attribute or a title. @param {string} text */
export function plain(text) {
  return text.replace(UNSEEN, (char) => `[${code(char)}]`);
}

/**
 * Text cut in its middle, so that a name's ending stays readable.
 *
 * @param {string} text
 * @param {number} limit
 */
export function clip(text, limit) {
  const chars = [...text];
  if (chars.length <= limit) return text;
  const tail = Math.floor(limit / 3);
  return `${chars.slice(0, limit - tail - 2).join("")}…${chars.slice(-tail).join("")}`;
}

/**
 * Text for an element, unseen characters as marked codes, isolated from its surroundings.
 *
 * @param {string} text
 * @param {number} [limit]
 */
export function shown(text, limit = 600) {
  const parts = [];
  let from = 0;
  const cut = clip(text, limit);
  for (const found of cut.matchAll(UNSEEN)) {
    parts.push(cut.slice(from, found.index), h("mark", { class: "code" }, code(found[0])));
    from = found.index + found[0].length;
  }
  return h("bdi", { class: "name" }, parts, cut.slice(from));
}
