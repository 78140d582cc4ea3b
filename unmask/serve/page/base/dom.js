/**
 * Elements made without markup: what comes from a file or a server becomes text, never HTML.
 *
 * @typedef {Node | string | number | false | null | undefined} Child
 * @typedef {Child | Child[] | Child[][]} Children
 * @typedef {Record<string, any>} Attributes  Strings are set as they are, `true` as an empty
 *   attribute, `false`, `null` and `undefined` not at all; functions named on… listen.
 */

const SVG = "http://www.w3.org/2000/svg";

/**
 * An HTML element.
 *
 * @param {string} tag
 * @param {...(Attributes | Children)} inside Attributes, if any, come first.
 * @returns {any}
 */
export function h(tag, ...inside) {
  return filled(document.createElement(tag), inside);
}

/**
 * An SVG element.
 *
 * @param {string} tag
 * @param {...(Attributes | Children)} inside Attributes, if any, come first.
 * @returns {any}
 */
export function s(tag, ...inside) {
  return filled(document.createElementNS(SVG, tag), inside);
}

/** @param {Element} node @param {any[]} inside */
function filled(node, inside) {
  const plain = inside[0]?.constructor === Object;
  const [attributes, ...children] = plain ? inside : [{}, ...inside];
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value != null) node.setAttribute(name, String(value));
  }
  const kept = children.flat(Infinity).filter((child) => child || child === 0);
  node.append(...kept.map((child) => (child instanceof Node ? child : String(child))));
  return node;
}

/**
 * A button that does something on this page.
 *
 * @param {Attributes} attributes
 * @param {...Children} children
 * @returns {HTMLButtonElement}
 */
export function button(attributes, ...children) {
  return h("button", { type: "button", ...attributes }, ...children);
}

/**
 * A table with a head.
 *
 * @param {string} name Its class.
 * @param {string[]} titles
 * @param {Children} rows
 * @returns {HTMLTableElement}
 */
export function table(name, titles, rows) {
  const head = titles.map((title) => h("th", { scope: "col" }, title));
  return h("table", { class: name }, h("thead", h("tr", head)), h("tbody", rows));
}

/**
 * One of the signs drawn in index.html. Its meaning always stands beside it in words.
 *
 * @param {string} name
 */
export function icon(name) {
  return s("svg", { class: "icon", "aria-hidden": "true" }, s("use", { href: `#sign-${name}` }));
}

/**
 * Tell those who listen to the page instead of looking at it.
 *
 * @param {string} text
 */
export function say(text) {
  const place = document.getElementById("said");
  if (place) place.textContent = text;
}

let last = 0;

/** A name for an element that others refer to. @param {string} stem */
export function unique(stem) {
  last += 1;
  return `${stem}-${last}`;
}
