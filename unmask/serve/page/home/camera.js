/** Taking a photo: look, take, review, then use it or take another. */

import { button, h, icon } from "../base/dom.js";

const WAITING = "Waiting for the camera…";
const LOOKING = "The picture stays in this browser until you send it.";
const REFUSED =
  "The camera cannot be used: it is missing, busy, or the browser was told not to allow it.";
const TAKEN = "A photo of a screen or a print is a new copy: use the file itself if you have it.";

/** Browsers offer the camera only on a machine's own address or over an encrypted connection. */
export function canPhotograph() {
  return Boolean(navigator.mediaDevices?.getUserMedia);
}

/** Open the camera. @returns {Promise<File[]>} The photo, or nothing if it was not wanted. */
export function photographed() {
  const view = h("video", {
    autoplay: true,
    playsinline: true,
    "aria-label": "What the camera sees",
  });
  const told = h("p", { class: "hint", role: "status" }, WAITING);
  const stage = h("div", { class: "lens" });
  const buttons = h("p", { class: "buttons" });
  const dialog = h(
    "dialog",
    { class: "dialog camera", "aria-labelledby": "camera-title" },
    h("h2", { id: "camera-title" }, "Take a photo"),
    stage,
    told,
    buttons,
  );
  /** @type {File[]} */
  let taken = [];

  /** Show a picture with what can be done now; the first button has the keyboard. */
  function put(/** @type {Element} */ picture, /** @type {HTMLButtonElement[]} */ ...choices) {
    const cancel = button({ onclick: () => ((taken = []), dialog.close()) }, "Cancel");
    stage.replaceChildren(picture);
    buttons.replaceChildren(...choices, cancel);
    (choices[0] ?? cancel).focus();
  }

  async function look() {
    put(view);
    const ready = await opened(view);
    told.textContent = ready ? LOOKING : REFUSED;
    const take = async () => review(await still(view));
    if (ready)
      put(view, button({ class: "primary", onclick: take }, icon("camera"), "Take the photo"));
  }

  /** @param {File} file */
  function review(file) {
    closed(view);
    taken = [file];
    told.textContent = TAKEN;
    const use = button({ class: "primary", onclick: () => dialog.close() }, "Use this photo");
    put(picture(file), use, button({ onclick: look }, "Take another"));
  }

  document.body.append(dialog);
  dialog.showModal();
  look();
  return new Promise((done) => {
    dialog.addEventListener("cancel", () => (taken = []));
    dialog.addEventListener("close", () => {
      closed(view);
      dialog.remove();
      done(taken);
    });
  });
}

/** Whether the camera runs. @param {HTMLVideoElement} view */
async function opened(view) {
  const size = { width: { ideal: 1920 }, height: { ideal: 1920 } };
  try {
    view.srcObject = await navigator.mediaDevices.getUserMedia({ video: size, audio: false });
    await view.play();
    return true;
  } catch {
    return false;
  }
}

/** @param {HTMLVideoElement} view */
function closed(view) {
  const stream = /** @type {MediaStream | null} */ (view.srcObject);
  for (const track of stream?.getTracks() ?? []) track.stop();
  view.srcObject = null;
}

/** One frame as a JPEG of high quality. @param {HTMLVideoElement} view @returns {Promise<File>} */
async function still(view) {
  const canvas = h("canvas", { width: view.videoWidth, height: view.videoHeight });
  canvas.getContext("2d").drawImage(view, 0, 0);
  const blob = await new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.95));
  const now = new Date().toISOString().slice(0, 19).replace(/[:T]/g, "-");
  return new File([blob], `camera-${now}.jpg`, { type: "image/jpeg" });
}

/** @param {File} file */
function picture(file) {
  const url = URL.createObjectURL(file);
  const free = () => URL.revokeObjectURL(url);
  return h("img", { src: url, alt: "The photo just taken", onload: free });
}
