// SPDX-License-Identifier: MIT
// What hands do to the boxes of the photo, and to classes.
import {$, toast, settings, iou} from "/dom.js";
import {api} from "/api.js";

export const editing = {
  /** After each change of the boxes: into the outbox, and thereby to the server. */
  changed(what, amount = 1) {
    if (what) this.work.count(what, amount);
    this.drewHere = true;
    const state = this.photo.state;
    const stays = state === "flagged" || (state === "accepted" && this.labels.boxes.length);
    this.keep(stays ? state : "draft");
  },

  keep(state, wait) {
    this.photo.state = state;
    this.outbox.put(this.photo.id, {revision: this.photo.revision, state, objects: this.labels.wire(), by: this.by}, this.work.take(), wait);
    this.list.update({id: this.photo.id, state, boxes: this.labels.boxes.length});
    this.drawAll();
    this.drawCounts();
  },

  drawn(box) {
    const put = (name) => {
      if (!name) return this.drawAll();
      this.selectClass(name);
      this.labels.change(() => this.labels.add({name, box}));
      if (!$("keep-drawing").checked) this.setDrawing(false);
      this.changed("drawn");
    };
    if (this.class) return put(this.class);
    const [x, y] = this.canvas.toScreen(box);
    this.chooser.ask([x, y], "", async (name) => put(name && (await this.addClass(name)) ? name : ""));
  },

  remove() {
    const chosen = this.labels?.selection;
    if (!this.writable()) return;
    if (!chosen) return this.dismiss(this.chosenSuggestion);
    if (chosen.locked) return toast("the box is locked");
    const at = this.labels.boxes.indexOf(chosen);
    this.labels.change(() => this.labels.remove(chosen.key));
    this.labels.selected = this.labels.boxes[Math.min(at, this.labels.boxes.length - 1)]?.key ?? null;
    this.changed("removed");
  },

  duplicate() {
    const chosen = this.labels?.selection;
    if (!chosen || !this.writable()) return;
    const box = this.labels.moved(chosen.box, 10, 10);
    this.labels.change(() => this.labels.add({...chosen, box}));
    this.changed("drawn");
  },

  async copyPrevious() {
    if (!this.writable()) return;
    const before = this.list.step(-1);
    if (!before) return toast("there is no photo before this one");
    const objects = this.outbox.get(before.id)?.objects || (await api.photo(before.id, this.session)).objects;
    const fitting = objects.map((o) => ({...o, box: this.labels.fitted(o.box)})).filter((o) => o.box && !this.labels.boxes.some((b) => b.name === o.name && iou(b.box, o.box) > 0.95));
    if (!fitting.length) return toast("the photo before has no boxes that are not here");
    this.labels.change(() => fitting.forEach((o) => this.labels.add({...o, truncated: null})));
    this.changed("accepted", fitting.length);
  },

  nudge(dx, dy, resizes) {
    const chosen = this.labels?.selection;
    if (!chosen || chosen.locked || !this.writable()) return false;
    const box = resizes ? this.labels.fitted([chosen.box[0], chosen.box[1], chosen.box[2] + dx, chosen.box[3] + dy]) : this.labels.moved(chosen.box, dx, dy);
    if (box && this.labels.change(() => this.labels.update(chosen.key, {box}))) this.changed("adjusted");
    return true;
  },

  toggle(flag) {
    const chosen = this.labels?.selection;
    if (!chosen || !this.writable()) return;
    this.labels.change(() => this.labels.update(chosen.key, {[flag]: !chosen[flag]}));
    this.changed("adjusted");
  },

  /** What concerns this window alone. */
  mark(what) {
    const chosen = this.labels?.selection;
    if (!chosen) return;
    chosen[what] = !chosen[what];
    this.drawAll();
  },

  hideAll(hidden) {
    this.canvas.hidden = hidden;
    if (!hidden) this.labels?.boxes.forEach((box) => { box.hidden = false; });
    $("tool-hide").classList.toggle("on", hidden);
    this.drawAll();
  },

  undo() {
    if (this.writable() && this.labels.undo()) this.changed();
    else toast("there is nothing to undo on this photo");
  },

  redo() {
    if (this.writable() && this.labels.redo()) this.changed();
  },

  escape() {
    this.labels?.cancel();
    this.canvas.gesture = null;
    this.chooser.close();
    if (this.labels) this.labels.selected = null;
    this.chosenSuggestion = null;
    this.doubt = null;
    this.drawAll();
  },

  nextBox() {
    const boxes = this.labels?.boxes || [];
    if (!boxes.length) return;
    const at = boxes.findIndex((box) => box.key === this.labels.selected);
    const next = boxes[(at + 1) % boxes.length];
    this.labels.selected = next.key;
    this.canvas.reveal(next.box);
    this.drawAll();
  },

  setDrawing(on) {
    this.drawing = on;
    $("tool-draw").classList.toggle("on", on);
    if (this.canvas) this.canvas.draw();
  },

  number(name) {
    const at = this.classes.indexOf(name);
    return at < 0 ? this.classes.length : at;
  },

  selectClass(name) {
    this.class = name;
    settings.set("class", name);
    this.drawClassList();
  },

  /** A key 1 to 9: the class of the chosen box, else of the next ones. */
  chooseClass(number) {
    const name = this.classes[number];
    if (!name) return;
    const chosen = this.labels?.selection;
    if (chosen && !chosen.locked && this.writable() && chosen.name !== name) {
      this.labels.change(() => this.labels.update(chosen.key, {name}));
      this.changed("adjusted");
    }
    this.selectClass(name);
  },

  async addClass(name) {
    if (!name) return false;
    if (this.classes.includes(name)) {
      this.selectClass(name);
      return true;
    }
    try {
      this.classes = (await api.addClass(name)).classes;
    } catch (wrong) {
      toast(wrong.message);
      return false;
    }
    this.selectClass(name);
    return true;
  },

  editClass() {
    const chosen = this.labels?.selection;
    if (!chosen || !this.writable()) return;
    const [x, y] = this.canvas.toScreen(chosen.box);
    this.chooser.ask([x, y], chosen.name, async (name) => {
      if (!name || name === chosen.name || !(await this.addClass(name))) return;
      this.labels.change(() => this.labels.update(chosen.key, {name}));
      this.changed("adjusted");
    });
  },
};
