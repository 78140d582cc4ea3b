/**
 * Following an analysis until it is done: the server tells what changes; where its stream breaks
 * off, it is asked again and again instead.
 */

import { analysis, events } from "../base/api.js";
import { h, say } from "../base/dom.js";
import { shown } from "../base/names.js";
import { count } from "../base/words.js";

/** @import {Analysis, Progress} from "../base/shapes.js" */

const PAUSE = 1000;
const SAID = 4;

/** @param {{state: string}} one */
const ended = (one) => one.state === "done" || one.state === "failed";

/**
 * @param {string} id
 * @param {AbortSignal} signal
 * @param {(state: string, progress: Progress) => void} tell
 * @returns {Promise<Analysis>} Finished.
 */
export async function follow(id, signal, tell) {
  for (;;) {
    await streamed(id, signal, tell).catch((error) => {
      if (signal.aborted) throw error;
    });
    const now = await analysis(id, signal).catch((error) => {
      if (signal.aborted || error.code !== "offline") throw error;
    });
    if (now && ended(now)) return now;
    if (now) tell(now.state, now.progress);
    await new Promise((done) => setTimeout(done, PAUSE));
  }
}

/** Read server-sent events until the last one. */
async function streamed(
  /** @type {string} */ id,
  /** @type {AbortSignal} */ signal,
  /** @type {(state: string, progress: Progress) => void} */ tell,
) {
  const { body } = await events(id, signal);
  const reader = /** @type {ReadableStream} */ (body)
    .pipeThrough(new TextDecoderStream())
    .getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const blocks = (rest + value.replaceAll("\r", "")).split("\n\n");
    rest = blocks.pop() ?? "";
    for (const block of blocks) {
      const { event, data } = fields(block);
      if (event === "progress") tell(data.state, data.progress);
      if (event === "end") return reader.cancel();
    }
  }
}

/** @param {string} block Lines of one event. */
function fields(block) {
  const lines = block.split("\n");
  const read = (/** @type {string} */ name) =>
    lines
      .filter((line) => line.startsWith(`${name}:`))
      .map((line) => line.slice(name.length + 1).trim())
      .join("\n");
  return { event: read("event"), data: JSON.parse(read("data") || "{}") };
}

/** A bar that shows how far an analysis is, and says so now and then. @param {Analysis} one */
export function progressBar(one) {
  const bar = h("progress", { max: 1, "aria-labelledby": "progress" });
  const title = h("p", { id: "progress", class: "call" });
  const stages = one.files.map(() => h("small"));
  const rows = one.files.map((file, i) => h("li", shown(file.name, 120), stages[i]));
  let last = "";

  /** @param {string} state @param {Progress} progress */
  function tell(state, { done, file, files }) {
    const waits = state === "queued";
    if (waits) bar.removeAttribute("value");
    else bar.value = done;
    const share = `${Math.round(100 * done)}%`;
    title.textContent = waits
      ? "Waiting for its turn"
      : `Examining ${count(files, "file")}, ${share}`;
    stages.forEach((stage, i) => (stage.textContent = stageOf(i, waits ? -1 : file)));
    const step = `${state} ${file} ${Math.floor(SAID * done)}`;
    if (step !== last) say(String(title.textContent));
    last = step;
  }

  tell(one.state, one.progress);
  const list = h("ul", { "aria-label": "Files" }, rows);
  return { node: h("div", { class: "progress" }, title, bar, list), tell };
}

/** @param {number} index @param {number} now Index of the file that is examined. */
function stageOf(index, now) {
  if (index < now) return "examined";
  return index === now ? "being examined" : "waits";
}
