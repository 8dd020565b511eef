// SPDX-License-Identifier: MIT
// The photo and its boxes as SVG, under the hands: draw, select, move, resize, zoom at the pointer, pan, pinch.
// The boxes are drawn in pixels of the screen, so that lines and letters stay the same at any zoom.
import {$, s, replace, clamp} from "/dom.js";

const grip = 9; // pixels of the screen around a handle or an edge
const smallest = 4; // pixels of the screen: less is a click

const corners = {nw: [0, 1], n: [null, 1], ne: [2, 1], e: [2, null], se: [2, 3], s: [null, 3], sw: [0, 3], w: [0, null]};

export class Canvas {
  /** hands: {labels(), suggestions(), color(name), drawn(box), changed(), selected(), takes(suggestion), draws()} */
  constructor(hands) {
    this.hands = hands;
    this.svg = $("canvas");
    this.scale = 1;
    this.x = 0;
    this.y = 0;
    this.size = [1, 1];
    this.pointers = new Map();
    this.gesture = null;
    this.pointer = null;
    this.hidden = false;
    this.fitted = true;
    this.panning = false; // the space bar or the like is down
    this.svg.addEventListener("pointerdown", (e) => this.down(e));
    this.svg.addEventListener("pointermove", (e) => this.move(e));
    this.svg.addEventListener("pointerup", (e) => this.up(e));
    this.svg.addEventListener("pointercancel", (e) => this.up(e, true));
    this.svg.addEventListener("pointerleave", () => { this.pointer = null; this.drawCross(); });
    this.svg.addEventListener("wheel", (e) => this.wheel(e), {passive: false});
    this.svg.addEventListener("dblclick", (e) => this.twice(e));
    this.svg.addEventListener("contextmenu", (e) => e.preventDefault());
    new ResizeObserver(() => (this.fitted ? this.fit() : this.draw())).observe(this.svg);
  }

  show(path, width, height) {
    this.size = [Math.max(width, 1), Math.max(height, 1)]; // 0: it cannot be read
    this.gesture = null;
    this.image = s("image", {width, height, preserveAspectRatio: "none", href: path, id: "photo"});
    this.image.addEventListener("error", () => this.hands.missing());
    replace($("picture"), s("rect", {width, height, class: "sheet"}), this.image);
    this.fit();
  }

  get view() {
    const box = this.svg.getBoundingClientRect();
    return [Math.max(box.width, 1), Math.max(box.height, 1)];
  }

  fit() {
    const [w, h] = this.view;
    const margin = w < 600 ? 8 : 24;
    this.scale = Math.min((w - 2 * margin) / this.size[0], (h - 2 * margin) / this.size[1], 8);
    this.x = (w - this.size[0] * this.scale) / 2;
    this.y = (h - this.size[1] * this.scale) / 2;
    this.fitted = true;
    this.draw();
  }

  zoom(factor, at) {
    const [w, h] = this.view;
    const [px, py] = at || [w / 2, h / 2];
    const scale = clamp(this.scale * factor, 0.02, 60);
    this.x = px - ((px - this.x) * scale) / this.scale;
    this.y = py - ((py - this.y) * scale) / this.scale;
    this.scale = scale;
    this.fitted = false;
    this.keepInSight();
    this.draw();
  }

  pan(dx, dy) {
    this.x += dx;
    this.y += dy;
    this.fitted = false;
    this.keepInSight();
    this.draw();
  }

  /** Some of the photo is always there to be seen. */
  keepInSight() {
    const [w, h] = this.view;
    this.x = clamp(this.x, 60 - this.size[0] * this.scale, w - 60);
    this.y = clamp(this.y, 60 - this.size[1] * this.scale, h - 60);
  }

  toScreen([x1, y1, x2, y2]) {
    return [this.x + x1 * this.scale, this.y + y1 * this.scale, this.x + x2 * this.scale, this.y + y2 * this.scale];
  }

  toPhoto([x, y]) {
    return [(x - this.x) / this.scale, (y - this.y) / this.scale];
  }

  at(event) {
    const box = this.svg.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  /** The smallest box or suggestion under a point of the screen. */
  under(point, among) {
    let best = null;
    let least = Infinity;
    for (const one of among) {
      const [x1, y1, x2, y2] = this.toScreen(one.box);
      const area = (x2 - x1) * (y2 - y1);
      const near = point[0] > x1 - 3 && point[0] < x2 + 3 && point[1] > y1 - 3 && point[1] < y2 + 3;
      if (near && !one.hidden && area < least) [best, least] = [one, area];
    }
    return best;
  }

  /** What of the selected box a point is on: a handle, its edge, or nothing. */
  partAt(point, box) {
    const [x1, y1, x2, y2] = this.toScreen(box);
    const [px, py] = point;
    const reach = this.touch ? grip * 2 : grip;
    const spots = {nw: [x1, y1], ne: [x2, y1], se: [x2, y2], sw: [x1, y2]};
    const middle = {n: [(x1 + x2) / 2, y1], e: [x2, (y1 + y2) / 2], s: [(x1 + x2) / 2, y2], w: [x1, (y1 + y2) / 2]};
    if (Math.min(x2 - x1, y2 - y1) > 4 * reach) Object.assign(spots, middle);
    for (const [name, [x, y]] of Object.entries(spots)) if (Math.hypot(px - x, py - y) <= reach) return name;
    const within = px > x1 - reach / 2 && px < x2 + reach / 2 && py > y1 - reach / 2 && py < y2 + reach / 2;
    const inside = px > x1 + reach / 2 && px < x2 - reach / 2 && py > y1 + reach / 2 && py < y2 - reach / 2;
    if (within && !inside) return "edge";
    return inside ? "inside" : null;
  }

  down(event) {
    const point = this.at(event);
    this.touch = event.pointerType === "touch";
    this.svg.setPointerCapture(event.pointerId);
    this.svg.focus({preventScroll: true});
    this.pointers.set(event.pointerId, point);
    this.hands.acted();
    if (this.pointers.size === 2) return this.startPinch();
    if (this.pointers.size > 2) return;
    const labels = this.hands.labels();
    if (!labels) return;
    if (event.button === 1 || event.button === 2 || this.panning) {
      this.gesture = {kind: "pan", from: point};
      return;
    }
    if (event.button !== 0) return;
    const offered = !labels.selection && !this.hidden && this.hands.writable() && this.hands.chosenSuggestion();
    const offeredPart = offered && this.partAt(point, offered.box);
    if (offeredPart && (offeredPart !== "inside" || !this.hands.draws())) {
      labels.begin();
      const box = this.hands.adopts(offered);
      const kind = offeredPart === "edge" || offeredPart === "inside" ? "move" : "resize";
      this.gesture = {kind, part: offeredPart, from: point, box: box.box, key: box.key};
      return this.draw();
    }
    const chosen = labels.selection;
    const part = chosen && !chosen.hidden && !this.hidden && this.partAt(point, chosen.box);
    if (part && part !== "inside" && !chosen.locked && this.hands.writable()) {
      const kind = part === "edge" ? "move" : "resize";
      this.gesture = {kind, part, from: point, box: chosen.box, key: chosen.key};
      labels.begin();
    } else if (this.hands.draws() && this.hands.writable()) {
      this.gesture = {kind: "draw", from: point, to: point};
    } else {
      this.startSelect(point, labels);
    }
    this.draw();
  }

  startSelect(point, labels) {
    const box = this.hidden ? null : this.under(point, labels.boxes);
    if (!box) {
      this.gesture = {kind: "pan", from: point, click: true};
      return;
    }
    this.select(box.key);
    const kind = box.locked || !this.hands.writable() ? "none" : "move";
    this.gesture = {kind, from: point, box: box.box, key: box.key};
    if (kind === "move") labels.begin();
  }

  select(key) {
    const labels = this.hands.labels();
    labels.selected = key;
    this.hands.selected();
  }

  startPinch() {
    const labels = this.hands.labels();
    if (labels) labels.cancel();
    const [a, b] = [...this.pointers.values()];
    this.gesture = {kind: "pinch", distance: Math.hypot(a[0] - b[0], a[1] - b[1]), middle: [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2]};
  }

  move(event) {
    const point = this.at(event);
    this.pointer = event.pointerType === "touch" ? null : point;
    if (this.pointers.has(event.pointerId)) this.pointers.set(event.pointerId, point);
    const g = this.gesture;
    if (!g) {
      this.showCursor(point);
      this.drawCross();
      return;
    }
    if (g.kind === "pan") {
      this.pan(point[0] - g.from[0], point[1] - g.from[1]);
      if (Math.hypot(point[0] - g.from[0], point[1] - g.from[1]) > 2) g.click = false;
      g.from = point;
    } else if (g.kind === "pinch") {
      this.pinch(g);
    } else if (g.kind === "draw") {
      g.to = point;
      this.draw();
    } else if (g.kind === "move" || g.kind === "resize") {
      this.drag(g, point, event.shiftKey);
    }
  }

  drag(g, point, keepsAspect) {
    const labels = this.hands.labels();
    const dx = (point[0] - g.from[0]) / this.scale;
    const dy = (point[1] - g.from[1]) / this.scale;
    let box;
    if (g.kind === "move") {
      box = labels.moved(g.box, dx, dy);
    } else {
      const [sideX, sideY] = corners[g.part];
      box = [...g.box];
      if (sideX !== null) box[sideX] += dx;
      if (sideY !== null) box[sideY] += dy;
      if (keepsAspect && sideX !== null && sideY !== null) {
        const aspect = (g.box[3] - g.box[1]) / (g.box[2] - g.box[0]);
        const height = Math.abs(box[2] - box[0]) * aspect;
        box[sideY] = sideY === 3 ? box[1] + height : box[3] - height;
      }
      box = labels.fitted(box);
    }
    if (box) labels.update(g.key, {box});
    this.draw();
  }

  pinch(g) {
    if (this.pointers.size < 2) return;
    const [a, b] = [...this.pointers.values()];
    const distance = Math.hypot(a[0] - b[0], a[1] - b[1]);
    const middle = [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2];
    this.x += middle[0] - g.middle[0];
    this.y += middle[1] - g.middle[1];
    this.zoom(distance / Math.max(g.distance, 1), middle);
    g.distance = distance;
    g.middle = middle;
  }

  up(event, cancelled = false) {
    this.pointers.delete(event.pointerId);
    const g = this.gesture;
    if (!g) return;
    if (g.kind === "pinch" && this.pointers.size > 0) return;
    this.gesture = null;
    if (cancelled) this.hands.labels()?.cancel();
    else this.finish(g);
    this.draw();
  }

  /** Ends what goes on, also where the page is about to go: a box that was being drawn is kept. */
  finish(g = this.gesture) {
    this.gesture = null;
    const labels = this.hands.labels();
    if (!g || !labels) return;
    if (g.kind === "move" || g.kind === "resize") {
      if (labels.commit()) this.hands.changed("adjusted");
    } else if (g.kind === "draw") {
      const [w, h] = [Math.abs(g.to[0] - g.from[0]), Math.abs(g.to[1] - g.from[1])];
      const box = labels.fitted([...this.toPhoto(g.from), ...this.toPhoto(g.to)]);
      if (Math.min(w, h) >= smallest && box) this.hands.drawn(box);
      else if (Math.max(w, h) < smallest) this.click(g.from);
    } else if (g.kind === "pan" && g.click) {
      this.click(g.from);
    }
  }

  click(point) {
    const labels = this.hands.labels();
    const box = this.hidden ? null : this.under(point, labels.boxes);
    const suggestion = this.hidden ? null : this.under(point, this.hands.suggestions());
    if (box) return this.select(box.key);
    labels.selected = null;
    this.hands.selected(suggestion);
  }

  twice(event) {
    const labels = this.hands.labels();
    const point = this.at(event);
    const suggestion = !this.hidden && labels && !this.under(point, labels.boxes) && this.under(point, this.hands.suggestions());
    if (suggestion && this.hands.writable()) this.hands.takes(suggestion);
  }

  wheel(event) {
    event.preventDefault();
    const unit = event.deltaMode === 1 ? 16 : event.deltaMode === 2 ? 400 : 1;
    if (event.shiftKey) return this.pan(-(event.deltaX || event.deltaY) * unit, 0);
    this.zoom(Math.exp(-clamp(event.deltaY * unit, -300, 300) * (event.ctrlKey ? 0.006 : 0.0018)), this.at(event));
  }

  showCursor(point) {
    const labels = this.hands.labels();
    const chosen = labels?.selection || this.hands.chosenSuggestion();
    const part = chosen && !chosen.locked && !this.hidden ? this.partAt(point, chosen.box) : null;
    const cursors = {nw: "nwse-resize", se: "nwse-resize", ne: "nesw-resize", sw: "nesw-resize", n: "ns-resize", s: "ns-resize", e: "ew-resize", w: "ew-resize", edge: "move"};
    const free = this.hands.draws() ? "crosshair" : labels && this.under(point, labels.boxes) ? "move" : "grab";
    this.svg.style.cursor = this.panning ? "grab" : cursors[part] || free;
  }

  drawCross() {
    const cross = $("cross");
    const visible = this.pointer && this.hands.draws() && !this.panning && this.hands.labels();
    if (!visible) return replace(cross);
    const [w, h] = this.view;
    const [x, y] = this.pointer;
    replace(cross, s("line", {x1: 0, x2: w, y1: y, y2: y}), s("line", {x1: x, x2: x, y1: 0, y2: h}));
  }

  /** One box: its rectangle, and its class above it. */
  boxElement(one, color, options) {
    const [x1, y1, x2, y2] = this.toScreen(one.box);
    const text = options.text;
    const width = text.length * 7 + 10;
    const top = y1 > 18 ? y1 - 17 : y1;
    const tag = s("g", {class: "tag", transform: `translate(${x1.toFixed(1)} ${top.toFixed(1)})`},
      s("rect", {width, height: 17, fill: color, rx: 2}),
      s("text", {x: 5, y: 12.5}, text));
    return s("g", {class: options.class, "data-key": one.key, "data-name": one.name, "data-box": one.box.join(" ")},
      s("rect", {class: "halo", x: x1, y: y1, width: x2 - x1, height: y2 - y1}),
      s("rect", {class: "edge", x: x1, y: y1, width: x2 - x1, height: y2 - y1, stroke: color, fill: color}),
      this.scale * (one.box[2] - one.box[0]) > 12 || options.chosen ? tag : null);
  }

  draw() {
    const labels = this.hands.labels();
    $("picture").setAttribute("transform", `translate(${this.x} ${this.y}) scale(${this.scale})`);
    $("picture").classList.toggle("sharp", this.scale > 3);
    this.hands.zoomed(this.scale);
    if (!labels) return replace($("boxes-layer"));
    const shown = this.hidden ? [] : labels.boxes.filter((box) => !box.hidden);
    replace($("boxes-layer"), ...shown.map((box) => {
      const chosen = box.key === labels.selected;
      const marks = [box.difficult && "difficult", box.truncated && "truncated", box.locked && "locked"].filter(Boolean).map((mark) => ` · ${mark}`).join("");
      return this.boxElement(box, this.hands.color(box.name), {class: `box${chosen ? " chosen" : ""}${box.locked ? " locked" : ""}`, text: box.name + marks, chosen});
    }));
    const offered = this.hidden ? [] : this.hands.suggestions();
    replace($("suggestions"), ...offered.map((one) =>
      this.boxElement(one, this.hands.color(one.name), {class: `suggestion${one.chosen ? " chosen" : ""}`, text: `${one.name} ${one.score.toFixed(2)}`})));
    this.drawHandles(labels);
    this.drawDoubt();
    this.drawCross();
  }

  drawHandles(labels) {
    const parts = [];
    const chosen = this.hidden ? null : labels.selection || this.hands.chosenSuggestion();
    if (chosen && !chosen.hidden && !chosen.locked) {
      const [x1, y1, x2, y2] = this.toScreen(chosen.box);
      const [cx, cy] = [(x1 + x2) / 2, (y1 + y2) / 2];
      const spots = {nw: [x1, y1], n: [cx, y1], ne: [x2, y1], e: [x2, cy], se: [x2, y2], s: [cx, y2], sw: [x1, y2], w: [x1, cy]};
      for (const [name, [x, y]] of Object.entries(spots)) parts.push(s("circle", {cx: x, cy: y, r: 4.5, class: "handle", "data-part": name}));
    }
    const g = this.gesture;
    if (g && g.kind === "draw") {
      const box = labels.fitted([...this.toPhoto(g.from), ...this.toPhoto(g.to)]);
      if (box) {
        const [x1, y1, x2, y2] = this.toScreen(box);
        parts.push(s("rect", {class: "drawing", x: x1, y: y1, width: x2 - x1, height: y2 - y1}));
        parts.push(s("text", {class: "measure", x: x2 + 6, y: y2 - 4}, `${box[2] - box[0]}×${box[3] - box[1]}`));
      }
    }
    replace($("handles"), ...parts);
  }

  drawDoubt() {
    const doubt = this.hands.doubt();
    if (!doubt) return replace($("doubt-layer"));
    const [x1, y1, x2, y2] = this.toScreen(doubt.box);
    replace($("doubt-layer"), s("rect", {class: "doubt", x: x1 - 5, y: y1 - 5, width: x2 - x1 + 10, height: y2 - y1 + 10, rx: 6}));
  }

  /** Brings a box into sight. */
  reveal(box) {
    const [w, h] = this.view;
    const [x1, y1, x2, y2] = this.toScreen(box);
    if (x1 >= 0 && y1 >= 0 && x2 <= w && y2 <= h) return;
    this.pan(w / 2 - (x1 + x2) / 2, h / 2 - (y1 + y2) / 2);
  }
}


