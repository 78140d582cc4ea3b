/**
 * A video's faces sorted by person and by moment.
 *
 * @import {Face, FacePictures, Finding, Pictures} from "../base/shapes.js"
 * @typedef {{face: Face, pictures: FacePictures | null}} Seen  A face and the pictures kept of it.
 * @typedef {{label: number, one: Seen}} Numbered
 */

/** @param {Finding} finding @param {Pictures | null} pictures @returns {Seen[]} */
export function seen(finding, pictures) {
  return finding.faces.map((face, i) => ({ face, pictures: pictures?.faces[i] ?? null }));
}

/** Strength for sorting; a face that was not judged comes last. @param {Face} face */
export const strength = (face) => face.probability ?? -1;

/** Whether a judged face reaches the threshold. @param {Face} face @param {number} threshold */
export const isOver = (face, threshold) => strength(face) >= threshold;

/**
 * Faces by person, each in the order of time.
 *
 * @param {Seen[]} all
 * @returns {Map<number, Seen[]>}
 */
export function byPerson(all) {
  /** @type {Map<number, Seen[]>} */
  const people = new Map();
  for (const one of [...all].sort((a, b) => time(a) - time(b)))
    people.set(one.face.track, [...(people.get(one.face.track) ?? []), one]);
  return new Map([...people].sort(([a], [b]) => a - b));
}

/** The examined moments in seconds, in order, each once. @param {Seen[]} all */
export const moments = (all) => [...new Set(all.map(time))].sort((a, b) => a - b);

/** @param {Seen} one */
export const time = (one) => one.face.time ?? 0;

/**
 * The one nearest to a moment.
 *
 * @template T
 * @param {T[]} all Not empty.
 * @param {number} moment
 * @param {(one: T) => number} when
 */
export function nearest(all, moment, when) {
  return all.reduce((a, b) => (Math.abs(when(b) - moment) < Math.abs(when(a) - moment) ? b : a));
}

/** The strongest one. @param {Seen[]} all Not empty. */
export function strongest(all) {
  return all.reduce((a, b) => (strength(b.face) > strength(a.face) ? b : a));
}
