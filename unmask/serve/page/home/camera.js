/** Taking a photo: look, take, review, then use it or take another. */

import { h, icon } from "../base/dom.js";

/** Browsers offer the camera only on a machine's own address or over an encrypted connection. */
export function canPhotograph() {
  return Boolean(navigator.mediaDevices?.getUserMedia);
}

/** Open the camera. @returns {Promise<File[]>} The photo, or nothing if it was not wanted. */
export function photographed() {
  const view = h("video", { autoplay: true, playsinline: true, muted: true, "aria-label": "What the camera sees" });
  const told = h("p", { class: "hint", role: "status" }, "Waiting for the camera…");
  const buttons = h("p", { class: "buttons" });
  const stage = h("div", { class: "lens" }, view);
  const dialog = h(
    "dialog", { class: "dialog camera", "aria-labelledby": "camera-title" },
    h("h2", { id: "camera-title" }, "Take a photo"), stage, told, buttons,
  );
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((done) => {
    /** @type {File[]} */
    let taken = [];
    const cancel = button("Cancel", () => (taken = [], dialog.close()));
    const look = async () => {
      stage.replaceChildren(view);
      buttons.replaceChildren(cancel);
      if (!(await opened(view, told))) return;
      const take = button("Take the photo", async () => review(await still(view)), "primary");
      buttons.replaceChildren(take, cancel);
      take.focus();
    };
    const review = (/** @type {File} */ file) => {
      closed(view);
      taken = [file];
      stage.replaceChildren(picture(file));
      told.textContent = "A photo of a screen or a print is a new copy: use the file itself if you have it.";
      const use = button("Use this photo", () => dialog.close(), "primary");
      buttons.replaceChildren(use, button("Take another", look), cancel);
      use.focus();
    };
    dialog.addEventListener("cancel", () => (taken = []));
    dialog.addEventListener("close", () => (closed(view), dialog.remove(), done(taken)));
    look();
  });
}

/** @param {string} text @param {() => void} onclick @param {string} [name] */
const button = (text, onclick, name = "") => h("button", { type: "button", class: name, onclick }, name && text.startsWith("Take") ? icon("camera") : "", text);

/** @param {HTMLVideoElement} view @param {HTMLElement} told */
async function opened(view, told) {
  try {
    view.srcObject = await navigator.mediaDevices.getUserMedia({
      video: { width: { ideal: 1920 }, height: { ideal: 1920 } }, audio: false,
    });
    await view.play();
    told.textContent = "The picture stays in this browser until you send it.";
    return true;
  } catch {
    told.textContent = "The camera cannot be used: it is missing, busy, or the browser was told not to allow it.";
    return false;
  }
}

/** @param {HTMLVideoElement} view */
function closed(view) {
  for (const track of /** @type {MediaStream | null} */ (view.srcObject)?.getTracks() ?? []) track.stop();
  view.srcObject = null;
}

/** One frame as a JPEG of high quality. @param {HTMLVideoElement} view @returns {Promise<File>} */
async function still(view) {
  const canvas = h("canvas", { width: view.videoWidth, height: view.videoHeight });
  canvas.getContext("2d").drawImage(view, 0, 0);
  const blob = await new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.95));
  const name = `camera-${new Date().toISOString().slice(0, 19).replace(/[:T]/g, "-")}.jpg`;
  return new File([blob], name, { type: "image/jpeg" });
}

/** @param {File} file */
function picture(file) {
  const url = URL.createObjectURL(file);
  return h("img", { src: url, alt: "The photo just taken", onload: () => URL.revokeObjectURL(url) });
}
