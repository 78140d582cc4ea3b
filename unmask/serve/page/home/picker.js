/** Where files come in: dropped, pasted, chosen or photographed; then sent together. */

import { button, h, icon, say } from "../base/dom.js";
import { trouble } from "../base/dialogs.js";
import { plain, shown } from "../base/names.js";
import { count, size } from "../base/words.js";
import { canPhotograph, photographed } from "./camera.js";
import { remember } from "./originals.js";
import { sending } from "./upload.js";

const FOLDER = "A folder cannot be dropped: open it and drop the files in it.";

/**
 * @param {AbortSignal} signal
 * @param {import("./options.js").Options} options
 */
export function picker(signal, options) {
  /** @type {File[]} */
  let files = [];
  const input = h("input", {
    type: "file",
    multiple: true,
    accept: "image/*,video/*",
    hidden: true,
    tabindex: "-1",
    onchange: () => (add([...input.files]), (input.value = "")),
  });
  const list = h("ul", { class: "chosen", "aria-label": "Files to examine" });
  const start = button({ class: "primary", onclick: send });
  const tray = h(
    "div",
    { class: "tray", hidden: true },
    list,
    h("p", { class: "buttons" }, start, button({ onclick: () => keep([]) }, "Clear")),
  );
  const place = h("div", { class: "place" });
  const zone = dropZone(input, add);
  const node = h(
    "section",
    { class: "picker", "aria-label": "Files" },
    zone,
    input,
    place,
    tray,
    options.node,
  );

  /** @param {File[]} more @param {string} [note] What could not be added. */
  function add(more, note = "") {
    if (more.length) keep([...files, ...more]);
    if (note) place.replaceChildren(h("p", { class: "hint", role: "alert" }, note));
    if (!more.length) return;
    say(`${count(more.length, "file")} added, ${files.length} in all.`);
    start.focus();
  }

  /** @param {File[]} wanted */
  function keep(wanted) {
    files = wanted;
    list.replaceChildren(...files.map((file) => row(file, () => remove(file))));
    start.textContent = `Examine ${count(files.length, "file")}`;
    tray.hidden = !files.length;
    place.replaceChildren();
  }

  /** @param {File} file */
  function remove(file) {
    keep(files.filter((other) => other !== file));
    say(`${plain(file.name)} removed.`);
    /** @type {HTMLElement | null} */
    const next = files.length ? start : zone.querySelector("button");
    next?.focus();
  }

  async function send() {
    const { node: bar, done } = sending(files, options.fields(), signal);
    tray.hidden = true;
    place.replaceChildren(bar);
    bar.querySelector("button")?.focus();
    try {
      const analysis = await done;
      remember(analysis.id, files);
      location.hash = `#/analyses/${analysis.id}`;
    } catch (error) {
      tray.hidden = false;
      const stopped = error instanceof DOMException && error.name === "AbortError";
      place.replaceChildren(...(stopped ? [] : [trouble(error)]));
      start.focus();
    }
  }

  listen(signal, zone, add);
  return node;
}

/** @param {HTMLInputElement} input @param {(files: File[]) => void} add */
function dropZone(input, add) {
  const camera =
    canPhotograph() &&
    button({ onclick: async () => add(await photographed()) }, icon("camera"), "Take a photo");
  return h(
    "div",
    { class: "zone" },
    icon("drop"),
    h("p", { class: "call" }, "Drop photos or videos here"),
    h(
      "p",
      { class: "buttons" },
      button({ class: "primary", onclick: () => input.click() }, "Choose files"),
      camera,
    ),
    h("p", { class: "hint" }, "Give the original file if you can: every copy wears traces away."),
  );
}

/** Anywhere on the page is near enough to drop on, and a picture can be pasted. */
function listen(
  /** @type {AbortSignal} */ signal,
  /** @type {HTMLElement} */ zone,
  /** @type {(files: File[], note?: string) => void} */ add,
) {
  const mark = (/** @type {boolean} */ on) => zone.classList.toggle("aimed", on);
  const on = (/** @type {string} */ name, /** @type {(event: any) => void} */ act) =>
    window.addEventListener(name, act, { signal });
  on("dragover", (event) => (event.preventDefault(), mark(true)));
  on("dragleave", (event) => event.relatedTarget === null && mark(false));
  on("drop", (event) => {
    event.preventDefault();
    mark(false);
    add(...dropped(event.dataTransfer));
  });
  on("paste", (event) => add([...event.clipboardData.files]));
}

/**
 * Files among what was dropped; a folder is none.
 *
 * @param {DataTransfer} transfer
 * @returns {[File[], string]}
 */
function dropped(transfer) {
  const items = [...transfer.items].filter((item) => item.kind === "file");
  const files = items.filter((item) => !item.webkitGetAsEntry?.()?.isDirectory);
  const note = files.length < items.length ? FOLDER : "";
  return [files.map((item) => item.getAsFile()).filter((file) => file !== null), note];
}

/** @param {File} file @param {() => void} remove */
function row(file, remove) {
  const name = plain(file.name);
  return h(
    "li",
    icon(file.type.startsWith("video/") ? "video" : "photo"),
    shown(file.name, 120),
    h("small", size(file.size)),
    button({ class: "small quiet", "aria-label": `Remove ${name}`, onclick: remove }, "Remove"),
  );
}
