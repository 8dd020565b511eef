// SPDX-License-Identifier: MIT
// What labelling costs a person: boxes, actions, and the seconds in which something was done.

const pause = 30000; // milliseconds without an action that are no work

export class Work {
  constructor() {
    this.counts = {};
    this.last = Date.now();
    this.seconds = 0;
  }

  begin() {
    this.last = Date.now();
  }

  act() {
    const now = Date.now();
    this.seconds += Math.min(now - this.last, pause) / 1000;
    this.last = now;
    this.count("actions");
  }

  count(what, amount = 1) {
    this.counts[what] = (this.counts[what] || 0) + amount;
  }

  /** What there was since the last time. */
  take() {
    const taken = {...this.counts, seconds: Math.round(this.seconds * 10) / 10};
    this.counts = {};
    this.seconds = 0;
    return taken;
  }
}
