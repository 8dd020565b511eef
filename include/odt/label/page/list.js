// SPDX-License-Identifier: MIT
// The list of photos: order, filter, search; only the rows in sight are elements, so that 10,000 photos are no burden.
import {$, h, replace} from "/dom.js";

const rowHeight = 30;
const filters = {
  all: () => true,
  open: (photo) => photo.state === "untouched" || photo.state === "draft",
  untouched: (photo) => photo.state === "untouched",
  draft: (photo) => photo.state === "draft",
  accepted: (photo) => photo.state === "accepted" || photo.state === "verified_empty",
  verified_empty: (photo) => photo.state === "verified_empty",
  rejected: (photo) => photo.state === "rejected",
  ignored: (photo) => photo.state === "ignored",
  flagged: (photo) => photo.state === "flagged",
};
const filterNames = {all: "all", open: "to do", untouched: "untouched", draft: "draft", accepted: "accepted", verified_empty: "verified empty", rejected: "rejected", ignored: "ignored", flagged: "flagged"};

export const stateNames = {untouched: "untouched", draft: "draft", accepted: "accepted", verified_empty: "verified empty", rejected: "rejected", ignored: "ignored", flagged: "flagged"};

/** A number that follows from a text, for an order by chance that stays as it is. */
function scatter(text) {
  let hash = 2166136261;
  for (let i = 0; i < text.length; ++i) hash = Math.imul(hash ^ text.charCodeAt(i), 16777619);
  return hash >>> 0;
}

export class PhotoList {
  constructor(open) {
    this.open = open;
    this.photos = []; // as the server orders them: by name
    this.byId = new Map();
    this.shown = []; // photos in order, as far as filter and search let them through
    this.order = "name";
    this.filter = "all";
    this.seed = String(Math.random());
    this.current = null;
    replace($("filter"), ...Object.entries(filterNames).map(([value, text]) => h("option", {value}, text)));
    $("list").addEventListener("scroll", () => this.draw());
    $("list").addEventListener("click", (event) => {
      const row = event.target.closest("[data-id]");
      if (row) this.open(row.dataset.id);
    });
    $("search").addEventListener("input", () => this.arrange());
    $("filter").addEventListener("change", (event) => { this.filter = event.target.value; this.arrange(); });
    $("order").addEventListener("change", (event) => this.setOrder(event.target.value));
    new ResizeObserver(() => this.draw()).observe($("list"));
  }

  take(rows, states) {
    this.photos = rows.map(([id, name, state, boxes, uncertainty, disagreement], number) =>
      ({id, name, state: states[state], boxes, uncertainty, disagreement, number}));
    this.byId = new Map(this.photos.map((photo) => [photo.id, photo]));
    this.arrange();
  }

  setOrder(order) {
    this.order = order;
    $("order").value = order;
    if (order === "random") this.seed = String(Math.random());
    this.arrange();
  }

  /** Puts photos into their order anew. That happens when a person asks for it, not under his hands. */
  arrange() {
    const search = $("search").value.trim().toLowerCase();
    const wanted = filters[this.filter];
    const shown = this.photos.filter((photo) => wanted(photo) && (!search || photo.name.toLowerCase().includes(search)));
    const value = {uncertainty: (p) => p.uncertainty, disagreement: (p) => p.disagreement, random: (p) => scatter(p.id + this.seed)}[this.order];
    if (value) shown.sort((a, b) => value(b) - value(a) || a.number - b.number);
    this.shown = shown;
    $("list-space").style.height = `${shown.length * rowHeight}px`;
    this.reveal();
    this.draw();
  }

  /** Takes over what is new about a photo; whether it is known. */
  update(row) {
    const photo = this.byId.get(row.id);
    if (!photo) return false;
    photo.state = row.state;
    photo.boxes = row.boxes;
    if (row.uncertainty !== undefined) photo.uncertainty = row.uncertainty;
    this.drawSoon();
    return true;
  }

  drawSoon() {
    this.pending ||= requestAnimationFrame(() => {
      this.pending = 0;
      this.draw();
    });
  }

  setCurrent(id) {
    this.current = id;
    this.reveal();
    this.draw();
  }

  index(id = this.current) {
    return this.shown.findIndex((photo) => photo.id === id);
  }

  /** The photo so many places further on; with a test, the next one of which it holds. */
  step(by, test = () => true) {
    const start = this.index();
    for (let i = start + by; i >= 0 && i < this.shown.length; i += by) if (test(this.shown[i])) return this.shown[i];
    return null;
  }

  /** What is to be labelled next: the first in an order of the detector's, else the next one. */
  nextOpen() {
    const open = (photo) => filters.open(photo) && photo.id !== this.current;
    if (this.order === "name" || this.order === "random") return this.step(1, open) || this.shown.find(open);
    return this.shown.find(open);
  }

  reveal() {
    const at = this.index();
    const list = $("list");
    if (at < 0 || !list.clientHeight) return;
    const top = at * rowHeight;
    if (top < list.scrollTop) list.scrollTop = top - rowHeight;
    else if (top + rowHeight > list.scrollTop + list.clientHeight) list.scrollTop = top - list.clientHeight + 2 * rowHeight;
  }

  draw() {
    const list = $("list");
    const first = Math.max(0, Math.floor(list.scrollTop / rowHeight) - 5);
    const rows = this.shown.slice(first, first + Math.ceil(list.clientHeight / rowHeight) + 10);
    replace($("list-space"), ...rows.map((photo, i) => {
      const row = h("div", {class: `photo${photo.id === this.current ? " on" : ""}`, "data-id": photo.id, title: `${photo.name}: ${stateNames[photo.state]}`},
        h("span", {class: "dot", "data-state": photo.state}),
        h("span", {class: "name"}, photo.name),
        h("span", {class: "count"}, photo.boxes ? String(photo.boxes) : ""),
        this.order === "uncertainty" && photo.uncertainty >= 0 ? h("span", {class: "value"}, photo.uncertainty.toFixed(2)) : null,
        this.order === "disagreement" && photo.disagreement >= 0 ? h("span", {class: "value"}, photo.disagreement.toFixed(2)) : null);
      row.style.top = `${(first + i) * rowHeight}px`;
      return row;
    }));
  }

  counts() {
    const counts = {};
    for (const photo of this.photos) counts[photo.state] = (counts[photo.state] || 0) + 1;
    return counts;
  }
}
