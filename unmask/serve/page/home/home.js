/** The start page: choose files, say how to examine them, send them. */

import { h, icon } from "../base/dom.js";
import { STATES } from "../base/words.js";
import { latest } from "./history.js";
import { options } from "./options.js";
import { picker } from "./picker.js";

/** @type {import("../router.js").Maker} */
export function home(signal) {
  const chosen = options();
  const node = h(
    "div",
    { class: "home" },
    h(
      "div",
      { class: "intro" },
      h("h1", "Is the face in it genuine?"),
      h(
        "p",
        { class: "lead" },
        "Give Unmask a photo or a video. It looks for traces of manipulation in every face and " +
          "shows what it found, how sure it is, and why to doubt it.",
      ),
    ),
    h("div", { class: "desk" }, picker(signal, chosen), answers()),
    latest(signal),
  );
  return { title: "Examine", node };
}

/** What can come out of it, before anything is sent. */
function answers() {
  const { manipulated, inconclusive, none } = STATES;
  /** @type {[import("../base/words.js").State, string][]} */
  const told = [
    [manipulated, "A face reaches the threshold. A reason to look closer, no proof."],
    [
      inconclusive,
      "The picture is too poor to tell, holds no face, or no detector could judge it.",
    ],
    [none, "No face reaches the threshold. Not a seal of authenticity."],
  ];
  return h(
    "section",
    { class: "answers", "aria-labelledby": "answers" },
    h("h2", { id: "answers" }, "What the answer will be"),
    h(
      "dl",
      told.map(([what, text]) => [
        h("dt", { class: what.key }, icon(what.key), what.title),
        h("dd", text),
      ]),
    ),
    h(
      "p",
      { class: "hint" },
      "Every answer comes with a probability, its interval, the pictures behind it and the " +
        "reasons to doubt it. Only faces are judged: not the scene, the sound, the caption or " +
        "the person’s identity.",
    ),
  );
}
