/** The page of one analysis: while it runs, when it is done, and when it failed. */

import { Problem, analysis } from "../base/api.js";
import { trouble } from "../base/dialogs.js";
import { button, h, icon, say } from "../base/dom.js";
import { plain, shown } from "../base/names.js";
import { count, moment, state } from "../base/words.js";
import { deleted } from "../home/erase.js";
import { exportButtons } from "./exports.js";
import { follow, progressBar } from "./progress.js";
import { report } from "./report.js";

/** @import {Analysis} from "../base/shapes.js" */

/** @type {import("../router.js").Maker} */
export async function analysisView(signal, id) {
  const node = h("div", { class: "analysis" });
  const load = async () => {
    try {
      const found = await analysis(id, signal);
      show(node, found, signal);
      return found;
    } catch (error) {
      if (!signal.aborted) node.replaceChildren(h("h1", "Analysis"), missing(error, load));
      return null;
    }
  };
  const found = await load();
  return { title: found ? name(found) : "Analysis", node };
}

/** @param {unknown} error @param {() => void} again */
function missing(error, again) {
  if (!(error instanceof Problem) || error.status !== 404) return trouble(error, again);
  return h(
    "div",
    h("p", "There is no such analysis. It may have been deleted, or its time was over."),
    h("p", h("a", { href: "#/" }, "Examine something")),
  );
}

/** @param {Analysis} one */
function name(one) {
  return one.files.length === 1 ? plain(one.files[0].name) : count(one.files.length, "file");
}

/** @param {HTMLElement} node @param {Analysis} one @param {AbortSignal} signal */
function show(node, one, signal) {
  const content = h("div");
  node.replaceChildren(head(one), content);
  if (one.state === "done") content.append(report(one, signal));
  else if (one.state === "failed") content.append(failed(one));
  else run(node, content, one, signal);
}

/** @param {Analysis} one */
function head(one) {
  const [first, ...others] = one.files;
  const title = others.length
    ? h("h1", count(one.files.length, "file"))
    : h("h1", { class: "file-name" }, shown(first.name, 120));
  const remove = async () => {
    if (await deleted(one.id, one.files.map((file) => file.name).join(", ")))
      location.hash = "#/history";
  };
  const times = [
    `Examined ${moment(one.finished ?? one.created)}`,
    one.expires && `kept until ${moment(one.expires)}`,
  ];
  return h(
    "header",
    { class: "head" },
    h("div", title, one.finished && h("p", { class: "lead" }, times.filter(Boolean).join(", "))),
    h(
      "div",
      { class: "actions" },
      one.state === "done" && exportButtons(one.id),
      button(
        { class: "small", onclick: remove },
        icon("erase"),
        one.finished ? "Delete" : "Stop and delete",
      ),
    ),
  );
}

/** @param {Analysis} one */
function failed(one) {
  const unknown = { status: 500, code: "internal", detail: "It failed." };
  const { status, code, detail } = one.error ?? unknown;
  return h(
    "div",
    h("p", { class: "call" }, "This analysis failed."),
    trouble(new Problem(status, code, detail)),
    h("p", h("a", { href: "#/" }, "Send the files again")),
  );
}

/** Show how far it is until it is done, then the report in its place. */
async function run(
  /** @type {HTMLElement} */ node,
  /** @type {HTMLElement} */ content,
  /** @type {Analysis} */ one,
  /** @type {AbortSignal} */ signal,
) {
  const bar = progressBar(one);
  content.append(bar.node);
  try {
    const done = await follow(one.id, signal, bar.tell);
    show(node, done, signal);
    say(`Done. ${spoken(done)}`);
    const heading = node.querySelector("h1");
    heading?.setAttribute("tabindex", "-1");
    heading?.focus({ preventScroll: true });
  } catch (error) {
    if (!signal.aborted) content.replaceChildren(missing(error, () => location.reload()));
  }
}

/** The answers in one sentence, for those who were waiting. @param {Analysis} one */
function spoken(one) {
  if (!one.report) return "The analysis failed.";
  const said = one.report.findings
    .slice(0, 5)
    .map((finding) => `${plain(finding.path)}: ${state(finding).title}.`);
  return said.join(" ");
}
