/**
 * The wording of the page: the same words and roundings as in the HTML report.
 *
 * A verdict never says that something is authentic, and a probability never claims certainty.
 */

/**
 * What a finding amounts to.
 *
 * @typedef {{order: number, key: string, title: string, meaning: string}} State
 */

/** @type {Record<string, State>} */
export const STATES = {
  manipulated: {
    order: 0,
    key: "manipulated",
    title: "Likely manipulated",
    meaning:
      "The score reaches the threshold. That is a strong reason to look closer; it is no proof, " +
      "and it does not tell who changed what, or why.",
  },
  inconclusive: {
    order: 1,
    key: "inconclusive",
    title: "Inconclusive",
    meaning:
      "The evidence is too weak for either answer. Look for a better copy of the same picture.",
  },
  none: {
    order: 2,
    key: "none",
    title: "No evidence of manipulation found",
    meaning:
      "The score stays below the threshold. That does not show that the picture is " +
      "unmanipulated: detectors know only the traces they were trained on, and copying wears " +
      "traces away.",
  },
  noface: {
    order: 3,
    key: "noface",
    title: "No face found",
    meaning: "Only faces are judged, so nothing is known about this file.",
  },
  failed: { order: 4, key: "failed", title: "Could not be examined", meaning: "" },
};

/**
 * What to call a finding, or a row of the list; that no face was found outranks the verdict.
 *
 * @param {{verdict: string | null, reasons: string[]}} finding
 */
export function state(finding) {
  if (finding.verdict === null) return STATES.failed;
  if (finding.reasons.includes("no_face")) return STATES.noface;
  if (finding.verdict === "likely_manipulated") return STATES.manipulated;
  return finding.verdict === "no_evidence" ? STATES.none : STATES.inconclusive;
}

/**
 * Verdicts by what they amount to, the strongest first.
 *
 * @template {{verdict: string | null, reasons: string[]}} T
 * @param {T[]} verdicts
 * @returns {[State, T[]][]}
 */
export function tallied(verdicts) {
  /** @type {Map<State, T[]>} */
  const kinds = new Map();
  for (const one of verdicts) {
    const what = state(one);
    kinds.set(what, [...(kinds.get(what) ?? []), one]);
  }
  return [...kinds].sort(([a], [b]) => a.order - b.order);
}

/** A probability for people: "93%", ">99%", "–". @param {number | null | undefined} value */
export function percent(value) {
  if (value == null || !Number.isFinite(value)) return "–";
  if (value >= 0.995) return ">99%";
  return value <= 0.005 ? "<1%" : `${Math.round(100 * value)}%`;
}

/** An interval for people: "88% to 96%", or "". @param {number[] | null | undefined} interval */
export function between(interval) {
  if (!interval || !interval.every(Number.isFinite)) return "";
  const [low, high] = interval.map(percent);
  return low === high ? low : `${low} to ${high}`;
}

/**
 * A moment of a video: "1:07.3", "1:02:03".
 *
 * @param {number | null | undefined} seconds
 * @param {number} [digits]
 */
export function clock(seconds, digits = 1) {
  if (seconds == null || !Number.isFinite(seconds)) return "–";
  const scale = 10 ** digits;
  const ticks = Math.round(seconds * scale);
  const minutes = Math.floor(ticks / (60 * scale));
  const rest = ticks % (60 * scale);
  const whole = String(Math.floor(rest / scale)).padStart(2, "0");
  const tail = digits ? `${whole}.${String(rest % scale).padStart(digits, "0")}` : whole;
  const hours = Math.floor(minutes / 60);
  return hours ? `${hours}:${String(minutes % 60).padStart(2, "0")}:${tail}` : `${minutes}:${tail}`;
}

/** A number with its noun. @param {number} n @param {string} one @param {string} [many] */
export function count(n, one, many = `${one}s`) {
  return `${n.toLocaleString("en")} ${n === 1 ? one : many}`;
}

/** A size for people: "67 kB". @param {number} bytes */
export function size(bytes) {
  if (bytes < 1000) return count(bytes, "byte");
  const power = Math.min(Math.floor(Math.log10(bytes) / 3), 4);
  const value = bytes / 1000 ** power;
  const digits = { maximumFractionDigits: value < 10 ? 1 : 0 };
  return `${value.toLocaleString("en", digits)} ${" kMGT"[power]}B`;
}

/** A time for people, on their own clock. @param {string | null} iso */
export function moment(iso) {
  const date = new Date(iso ?? "");
  if (Number.isNaN(date.getTime())) return iso ?? "–";
  return date.toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "short" });
}

/** What an operating point such as "fpr=0.05" promises. @param {string} point */
export function falseAlarms(point) {
  const rate = Number(/^fpr=(0?\.\d+)/.exec(point)?.[1] ?? 0);
  if (!rate) return "";
  let base = 100;
  while (rate * base < 1) base *= 10;
  return `about ${Number((rate * base).toPrecision(3))} of ${base.toLocaleString("en")}`;
}

/** The probability once more, where the share of manipulated faces is `prior` and not one half. */
export function underPrior(/** @type {number} */ probability, /** @type {number} */ prior) {
  const odds = ((probability / (1 - probability)) * prior) / (1 - prior);
  return odds / (1 + odds);
}

/** A quality or a raw score with its sign. @param {number} value */
export function signed(value) {
  return `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(2)}`;
}
