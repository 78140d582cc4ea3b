/**
 * Which page is shown: the part of the address behind `#`, so that reloading and going back work.
 *
 * @typedef {{title: string, node: HTMLElement}} View
 * @typedef {(signal: AbortSignal, ...parts: string[]) => View | Promise<View>} Maker  The signal
 *   ends when the page is left; whatever the view started ends with it.
 */

import { say } from "./base/dom.js";

let leaving = new AbortController();
let first = true;

/**
 * Show the page of the present address, and of each one after it.
 *
 * @param {[RegExp, Maker][]} routes
 */
export function route(routes) {
  const show = () => go(routes);
  window.addEventListener("hashchange", show);
  show();
}

/** @param {[RegExp, Maker][]} routes */
async function go(routes) {
  const place = location.hash.replace(/^#/, "") || "/";
  // The skip link is an address too, but leads nowhere else.
  if (!place.startsWith("/")) return;
  leaving.abort();
  leaving = new AbortController();
  const { signal } = leaving;
  const [pattern, make] = routes.find(([found]) => found.test(place)) ?? routes[routes.length - 1];
  const view = await make(signal, ...(pattern.exec(place) ?? []).slice(1));
  if (!signal.aborted) put(view);
}

/** @param {View} view */
function put(view) {
  const main = /** @type {HTMLElement} */ (document.getElementById("main"));
  main.replaceChildren(view.node);
  document.title = `${view.title} – Unmask`;
  mark();
  if (!first) arrive(main);
  first = false;
}

/** Those who listen hear where they are; those who use the keyboard start at the top. */
function arrive(/** @type {HTMLElement} */ main) {
  window.scrollTo(0, 0);
  const heading = main.querySelector("h1");
  heading?.setAttribute("tabindex", "-1");
  (heading ?? main).focus({ preventScroll: true });
  say("");
}

function mark() {
  for (const link of document.querySelectorAll("nav a")) {
    const here = link.getAttribute("href") === (location.hash || "#/");
    if (here) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}
