/** What is known about a file: its kind, its fingerprint, and what it tells of its own past. */

import { h, table } from "../base/dom.js";
import { shown } from "../base/names.js";
import { clock, size } from "../base/words.js";

/** @import {FileFacts, Finding, Media} from "../base/shapes.js" */

const HINT =
  "Found in the file or estimated from it. Anyone can write such entries; they are no part of " +
  "the score.";

/**
 * Name, kind, size and fingerprint.
 *
 * @param {Finding} finding
 * @param {FileFacts | undefined} file
 */
export function facts(finding, file) {
  const { media, sha256 } = finding;
  const rows = [
    ["File", shown(finding.path, 8192)],
    ["Kind", media && kind(finding.kind, media)],
    ["Size", file && size(file.bytes)],
    ["SHA-256", (sha256 ?? file?.sha256) && h("code", sha256 ?? file?.sha256)],
  ];
  return h(
    "dl",
    { class: "file" },
    rows.filter(([, value]) => value).map(([name, value]) => [h("dt", name), h("dd", value)]),
  );
}

/** @param {string} what @param {Media} media */
function kind(what, media) {
  const parts = [`${media.format} ${what}`, `${media.width} × ${media.height} px`];
  if (media.duration !== null) parts.push(clock(media.duration));
  if (media.frame_rate !== null) parts.push(`${Number(media.frame_rate.toPrecision(4))} frames/s`);
  return parts.join(", ");
}

/** What the file tells of its own past. @param {Finding} finding */
export function provenance({ media }) {
  if (!media?.facts.length) return null;
  const rows = media.facts.map((fact) =>
    h(
      "tr",
      h("th", { scope: "row" }, h("code", shown(fact.name))),
      h("td", shown(told(fact.value))),
      h("td", shown(fact.note)),
    ),
  );
  return h(
    "section",
    h("h3", "Provenance"),
    h("p", { class: "hint" }, HINT),
    table("facts", ["Fact", "Value", "What it may mean"], rows),
  );
}

/** @param {string | number | boolean} value */
function told(value) {
  if (typeof value === "boolean") return value ? "yes" : "no";
  return typeof value === "number" ? String(Number(value.toPrecision(6))) : value;
}
