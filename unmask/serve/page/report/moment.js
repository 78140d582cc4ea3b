/** The faces at the moment that is looked at. */

import { h } from "../base/dom.js";
import { clock, percent } from "../base/words.js";
import { card } from "./face.js";
import { byPerson, isOver, nearest, strength, time } from "./people.js";

/** @import {Run} from "../base/shapes.js" */
/** @import {Seen} from "./people.js" */

/** The faces of the examined moment that is nearest. @param {Seen[]} all @param {number} moment */
export function at(all, moment) {
  const when = time(nearest(all, moment, time));
  return all.filter((one) => time(one) === when);
}

/** A moment in words, for those who hear the slider. */
export function spoken(
  /** @type {Seen[]} */ all,
  /** @type {number} */ moment,
  /** @type {number} */ threshold,
) {
  const here = at(all, moment);
  const said = here.map(({ face }) => {
    const over = isOver(face, threshold) ? ", over the threshold" : "";
    return `person ${face.track + 1} ${percent(face.probability)}${over}`;
  });
  return `${clock(time(here[0]))}: ${said.join("; ")}`;
}

/** A card for each of them, with the nearest picture that was kept of that person. */
export function around(
  /** @type {Seen[]} */ all,
  /** @type {Run} */ run,
  /** @type {import("./loader.js").Load} */ load,
  /** @type {import("./pointer.js").Pointer} */ where,
) {
  const node = h("div", { class: "moment" });
  const people = byPerson(all);
  const fade = { share: 100 };
  let shown = NaN;

  /** @param {Seen} one */
  function made(one) {
    const { track } = one.face;
    const kept = (people.get(track) ?? []).filter((other) => other.pictures);
    const near = kept.length ? nearest(kept, time(one), time) : null;
    const remark = near && near !== one ? `picture kept from ${clock(time(near))}` : "";
    const name = `Person ${track + 1} at ${clock(time(one))}`;
    return card(name, one.face, near?.pictures ?? null, { run, load, remark, fade });
  }

  where.on((moment) => {
    const here = at(all, moment);
    if (time(here[0]) === shown) return;
    shown = time(here[0]);
    here.sort((a, b) => strength(b.face) - strength(a.face));
    node.replaceChildren(...here.map(made));
  });
  return node;
}
