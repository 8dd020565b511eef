// SPDX-License-Identifier: MIT
// Small helpers around the page's elements.

export const $ = (id) => document.getElementById(id);

const svgSpace = "http://www.w3.org/2000/svg";

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** An HTML element: h("button", {onclick: f}, "text"). */
export const h = (tag, attributes = {}, ...children) => fill(document.createElement(tag), attributes, children);

/** An SVG element. */
export const s = (tag, attributes = {}, ...children) => fill(document.createElementNS(svgSpace, tag), attributes, children);

export function replace(parent, ...children) {
  parent.replaceChildren(...children.filter((child) => child !== null && child !== undefined));
}

const shapes = {
  eye: ["M1 8 C4 3 12 3 15 8 C12 13 4 13 1 8 Z", "M8 6 a2 2 0 1 0 .01 0 Z"],
  lock: ["M3 7 h10 v7 h-10 Z", "M5 7 V5 a3 3 0 0 1 6 0 V7"],
  diamond: ["M8 1.5 L14.5 8 L8 14.5 L1.5 8 Z"],
  cut: ["M2 2 V14 M2 2 H10 M2 14 H10", "M10 2 L13 5 L10 8 L13 11 L10 14"],
  copy: ["M2 5 h8 v9 h-8 Z", "M6 5 V2 h8 v9 h-4"],
  draw: ["M2 3 h12 v10 h-12 Z"],
  check: ["M2 8.5 L6 12.5 L14 3.5"],
  cross: ["M3 3 L13 13 M13 3 L3 13"],
};

/** A small drawing, the same in every font. */
export const icon = (name) => s("svg", {viewBox: "0 0 16 16", class: "icon", "aria-hidden": "true"}, ...shapes[name].map((d) => s("path", {d})));

let toastTimer = 0;

/** A message that goes by itself; with a word that undoes what it tells of. */
export function toast(text, word, act) {
  const box = $("toast");
  const button = word && h("button", {type: "button", onclick: () => { box.hidden = true; act(); }}, word);
  replace(box, text, button);
  box.hidden = false;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => { box.hidden = true; }, word ? 6000 : 3500);
}

/** A line above the photo, with buttons: [["keep mine", f], ...]; no text takes it away. */
export function banner(text, buttons = []) {
  const line = $("banner");
  line.hidden = !text;
  replace(line, text || "", ...buttons.map(([word, act]) => h("button", {type: "button", onclick: act}, word)));
}

export const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

/** Colours of classes, far apart from one another and told apart on dark and light photos. */
export function colorOf(number) {
  const hue = (number * 137.508 + 205) % 360;
  return `hsl(${hue.toFixed(0)} 95% ${number % 2 ? 58 : 52}%)`;
}

/** Settings that this browser keeps. */
export const settings = {
  get(name, otherwise) {
    try {
      const text = localStorage.getItem(`odt-label:${name}`);
      return text === null ? otherwise : JSON.parse(text);
    } catch {
      return otherwise;
    }
  },
  set(name, value) {
    try {
      localStorage.setItem(`odt-label:${name}`, JSON.stringify(value));
    } catch { /* a browser that keeps nothing */ }
  },
};

export function iou(a, b) {
  const w = Math.min(a[2], b[2]) - Math.max(a[0], b[0]);
  const h_ = Math.min(a[3], b[3]) - Math.max(a[1], b[1]);
  if (w <= 0 || h_ <= 0) return 0;
  const area = (x) => (x[2] - x[0]) * (x[3] - x[1]);
  return (w * h_) / (area(a) + area(b) - w * h_);
}
