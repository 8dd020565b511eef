// SPDX-License-Identifier: MIT
// Suggestions, and what a person decides about a photo.
import {$, toast, settings, iou} from "/dom.js";
import {stateNames} from "/list.js";

export const deciding = {
  takeSuggestions(made) {
    this.version = made?.version || "";
    this.current = !!made?.current;
    this.offered = (made?.boxes || []).map((one, i) => ({...one, key: `s${i}`}));
    this.problem = made?.problem || "";
  },

  /** Those that are to be seen: sure enough, and not labelled already. */
  suggestions() {
    if (!this.labels) return [];
    return this.offered.filter((one) => one.score >= this.threshold && !this.dismissed.has(`${this.version}:${one.key}`) &&
      !this.labels.boxes.some((box) => iou(box.box, one.box) > (box.name === one.name ? 0.5 : 0.8)))
      .map((one) => ({...one, chosen: one.key === this.chosenSuggestion}));
  },

  take(...some) {
    if (!some.length || !this.writable()) return;
    this.labels.change(() => some.forEach((one) => this.labels.add({name: one.name, box: this.labels.fitted(one.box) || one.box})));
    this.chosenSuggestion = null;
    this.changed("accepted", some.length);
  },

  /** A suggestion that a hand takes to change it: a box from now on. */
  adopt(suggestion) {
    this.chosenSuggestion = null;
    this.work.count("accepted");
    return this.labels.add({name: suggestion.name, box: this.labels.fitted(suggestion.box) || suggestion.box});
  },

  takeAll() {
    this.take(...this.suggestions());
  },

  takeChosen() {
    const shown = this.suggestions();
    const one = shown.find((s) => s.chosen) || shown[0];
    if (one) this.take(one);
  },

  chooseSuggestion() {
    const shown = this.suggestions();
    if (!shown.length) return;
    const at = shown.findIndex((one) => one.chosen);
    this.labels.selected = null;
    this.chosenSuggestion = shown[(at + 1) % shown.length].key;
    this.drawAll();
  },

  dismiss(key) {
    if (!key) return;
    this.dismissed.add(`${this.version}:${key}`);
    this.chosenSuggestion = null;
    this.work.count("removed");
    this.drawAll();
  },

  setThreshold(value) {
    this.threshold = Math.round(Math.min(Math.max(value, 0.05), 0.95) * 100) / 100;
    settings.set("threshold", this.threshold);
    this.drawAll();
  },

  selected(suggestion) {
    this.chosenSuggestion = suggestion?.key || null;
    const chosen = this.labels?.selection;
    if (chosen) this.selectClass(chosen.name);
    this.drawAll();
  },

  accept() {
    if (!this.writable()) return;
    if (this.keys.map === "review") {
      const shown = this.suggestions();
      if (shown.length) {
        this.labels.change(() => shown.forEach((one) => this.labels.add({name: one.name, box: this.labels.fitted(one.box) || one.box})));
        this.work.count("accepted", shown.length);
        this.labels.selected = null;
      }
    }
    const shown = this.suggestions().length;
    if (!this.labels.boxes.length && shown && this.warned !== this.photo.id) {
      this.warned = this.photo.id;
      return toast(`${shown} suggestion(s) would not be taken; ${this.keys.of("take-all")[0]} takes them. Once more: there is nothing here`);
    }
    this.decide(this.labels.boxes.length ? "accepted" : "verified_empty");
  },

  decide(state) {
    if (!this.writable()) return;
    const id = this.photo.id;
    this.decisions.push({id, state: this.photo.state, boxes: this.labels.boxes});
    this.drewHere = false;
    this.keep(state, 0);
    toast(`${stateNames[state]}: ${this.photo.name}`, "undo", () => this.undoDecision());
    if (!$("go-on").checked) return;
    const next = this.list.nextOpen() || this.list.step(1);
    if (next) this.open(next.id);
    else toast("that was the last photo of the list");
  },

  async undoDecision() {
    const last = this.decisions.pop();
    if (!last) return toast("there is no decision to undo");
    if (this.photo.id !== last.id) await this.open(last.id);
    if (this.photo.id !== last.id || !this.writable()) return;
    // A photo that nobody had touched cannot be untouched again.
    this.keep(last.state === "untouched" ? "draft" : last.state, 0);
  },
};
