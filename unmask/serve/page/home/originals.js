/** The files sent from this tab, while it is open: a video can be watched beside its report. */

/** @type {Map<string, File[]>} */
const sent = new Map();

/** @param {string} id Of the analysis. @param {File[]} files As they were sent, in order. */
export function remember(id, files) {
  sent.set(id, files);
}

/** @param {string} id */
export function forget(id) {
  sent.delete(id);
}

/** @param {string} id @param {number} index @returns {File | undefined} */
export function original(id, index) {
  return sent.get(id)?.[index];
}
