/** Deleting an analysis, after a question. */

import { erase } from "../base/api.js";
import { confirmed, trouble } from "../base/dialogs.js";
import { say } from "../base/dom.js";
import { shown } from "../base/names.js";
import { forget } from "./originals.js";

/**
 * Ask, then delete; whether it is gone.
 *
 * @param {string} id
 * @param {string} names
 */
export async function deleted(id, names) {
  const text = [
    shown(names, 200),
    ": the report and its pictures will be erased from the server. This cannot be undone.",
  ];
  if (!(await confirmed("Delete this analysis?", text, "Delete"))) return false;
  try {
    await erase(id);
  } catch (error) {
    document.getElementById("main")?.prepend(trouble(error));
    return false;
  }
  forget(id);
  say("The analysis was deleted.");
  return true;
}
