/**
 * What the server sends, for the type checker; this module holds no code.
 *
 * @typedef {{name: string, bytes: number, sha256: string}} FileFacts
 * @typedef {{done: number, file: number, files: number}} Progress
 * @typedef {{code: string, detail: string, status: number}} Trouble
 * @typedef {{crop: string, heat: string | null, matrix: number[][], size: number}} FacePictures
 * @typedef {{preview: {name: string, width: number, height: number} | null,
 *   faces: (FacePictures | null)[]}} Pictures
 * @typedef {{id: string, state: "queued" | "running" | "done" | "failed", created: string,
 *   finished: string | null, expires: string | null, files: FileFacts[],
 *   options: Record<string, any>, progress: Progress, exit_code: number | null,
 *   report: Report | null, pictures: Pictures[] | null, error: Trouble | null}} Analysis
 * @typedef {Omit<Analysis, "report" | "pictures"> & {verdicts: Verdict[]}} Summary
 * @typedef {{name: string, kind: string, verdict: string | null, probability: number | null,
 *   reasons: string[]}} Verdict
 * @typedef {{analyses: Summary[], next: string | null}} Page
 * @typedef {{name: string, version: string, task: string, title: string, description: string,
 *   limits: string[], default: boolean, sha256: string}} Detector
 *
 * The report itself is described by unmask/report/report.schema.json.
 * @typedef {{schema: string, run: Run, exit_code: number, findings: Finding[]}} Report
 * @typedef {{version: string, created: string, provider: string, threads: number,
 *   operating_point: string, threshold: number,
 *   detectors: {name: string, version: string, sha256: string, threshold: number}[]}} Run
 * @typedef {{raw: number, probability: number, interval: number[]}} Score
 * @typedef {{score: number, size: number, parts: Record<string, number>,
 *   reasons: string[]}} Quality
 * @typedef {{box: number[], time: number | null, track: number, confidence: number,
 *   probability: number | null, interval: number[] | null, quality: Quality | null,
 *   reasons: string[], scores: Record<string, Score>}} Face
 * @typedef {{start: number, end: number, track: number, probability: number}} Segment
 * @typedef {{name: string, value: string | number | boolean, note: string}} Fact
 * @typedef {{format: string, width: number, height: number, duration: number | null,
 *   frame_rate: number | null, facts: Fact[]}} Media
 * @typedef {{path: string, kind: "image" | "video" | "unknown", sha256: string | null,
 *   verdict: string | null, probability: number | null, interval: number[] | null,
 *   reasons: string[], notes: string[], faces: Face[], segments: Segment[],
 *   media: Media | null, error: {code: string, message: string} | null}} Finding
 */

export {};
