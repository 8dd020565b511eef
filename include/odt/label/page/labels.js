// SPDX-License-Identifier: MIT
// The boxes of one photo, with undo and redo. A state is never changed, only replaced, so that history is a list.

let lastKey = 0;

/** A box as the page has it: key is its own, box is [xmin, ymin, xmax, ymax] in whole pixels. */
export function makeBox(from) {
  return {
    key: ++lastKey,
    name: from.name,
    box: [...from.box],
    difficult: !!from.difficult,
    truncated: from.truncated ?? null, // null: as labelImg does, by whether an edge is touched
    pose: from.pose,
    hidden: false,
    locked: false,
  };
}

const wire = ({name, box, difficult, truncated, pose}) => ({name, box, difficult, truncated, ...(pose ? {pose} : {})});

export class Labels {
  constructor(photo, objects) {
    this.width = photo.width;
    this.height = photo.height;
    this.boxes = objects.map(makeBox);
    this.selected = null;
    this.past = [];
    this.future = [];
    this.before = null; // of a change that goes on
  }

  /** What the server is told. */
  wire() {
    return this.boxes.map(wire);
  }

  get(key) {
    return this.boxes.find((box) => box.key === key) || null;
  }

  get selection() {
    return this.get(this.selected);
  }

  /** Begins a change of several steps, such as a drag; `commit` makes it one step of the history. */
  begin() {
    if (!this.before) this.before = this.boxes;
  }

  /** Ends the change; whether anything is other than before. */
  commit() {
    const before = this.before;
    this.before = null;
    if (!before || before === this.boxes) return false;
    if (JSON.stringify(before.map(wire)) === JSON.stringify(this.boxes.map(wire))) {
      this.boxes = before;
      return false;
    }
    this.past.push(before);
    if (this.past.length > 500) this.past.shift();
    this.future = [];
    return true;
  }

  cancel() {
    if (this.before) this.boxes = this.before;
    this.before = null;
  }

  /** A change in one step. */
  change(act) {
    this.begin();
    act();
    return this.commit();
  }

  add(from) {
    const box = makeBox(from);
    this.boxes = [...this.boxes, box];
    this.selected = box.key;
    return box;
  }

  update(key, values) {
    this.boxes = this.boxes.map((box) => (box.key === key ? {...box, ...values} : box));
  }

  remove(key) {
    this.boxes = this.boxes.filter((box) => box.key !== key);
    if (this.selected === key) this.selected = null;
  }

  undo() {
    if (!this.past.length) return false;
    this.future.push(this.boxes);
    this.boxes = this.past.pop();
    if (!this.selection) this.selected = null;
    return true;
  }

  redo() {
    if (!this.future.length) return false;
    this.past.push(this.boxes);
    this.boxes = this.future.pop();
    if (!this.selection) this.selected = null;
    return true;
  }

  /** A box within the photo, in whole pixels from 1 on, as labelImg writes them; null when nothing of it is left. */
  fitted(box) {
    const x = [box[0], box[2]].map((v) => Math.min(Math.max(Math.round(v), 1), this.width)).sort((a, b) => a - b);
    const y = [box[1], box[3]].map((v) => Math.min(Math.max(Math.round(v), 1), this.height)).sort((a, b) => a - b);
    return x[1] > x[0] && y[1] > y[0] ? [x[0], y[0], x[1], y[1]] : null;
  }

  /** The box moved by so much, as far as the photo goes. */
  moved(box, dx, dy) {
    const x = Math.round(Math.min(Math.max(dx, 1 - box[0]), this.width - box[2]));
    const y = Math.round(Math.min(Math.max(dy, 1 - box[1]), this.height - box[3]));
    return [box[0] + x, box[1] + y, box[2] + x, box[3] + y];
  }
}
