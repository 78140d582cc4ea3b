/**
 * The moment of a video that is looked at: whoever shows it listens, whoever changes it says so.
 *
 * @typedef {(time: number, playing: boolean) => void} Listener
 */

export class Pointer {
  /** @type {Listener[]} */
  #listeners = [];

  /** @param {number} start Seconds. */
  constructor(start) {
    this.at = start;
  }

  /** Be told now and of every change. @param {Listener} listener */
  on(listener) {
    this.#listeners.push(listener);
    listener(this.at, false);
  }

  /**
   * @param {number} time
   * @param {boolean} [playing] Whether the video itself got there, rather than somebody chose it.
   */
  go(time, playing = false) {
    this.at = time;
    for (const listener of this.#listeners) listener(time, playing);
  }
}
