/**
 * Pictures of one analysis: fetched with the token, kept as long as the page shows them.
 *
 * @typedef {(name: string, image: HTMLImageElement | SVGImageElement) => Promise<void>} Load
 */

import { picture } from "../base/api.js";

/**
 * @param {string} id Of the analysis.
 * @param {AbortSignal} signal Ends with the page, and with it the pictures.
 * @returns {Load} Puts the picture of that name into an element.
 */
export function loader(id, signal) {
  /** @type {Map<string, Promise<string>>} */
  const addresses = new Map();
  signal.addEventListener("abort", () => {
    for (const address of addresses.values()) address.then(URL.revokeObjectURL, () => {});
  });
  return async (name, image) => {
    if (!addresses.has(name))
      addresses.set(name, picture(id, name, signal).then(URL.createObjectURL));
    try {
      const address = await addresses.get(name);
      image.setAttribute(image instanceof SVGElement ? "href" : "src", String(address));
    } catch {
      // Its words are shown in its place, and the next one who wants it asks again.
      addresses.delete(name);
    }
  };
}
