// SPDX-License-Identifier: MIT
// What is to be seen beside the photo.
import {$, h, icon, replace, colorOf} from "/dom.js";
import {api} from "/api.js";
import {stateNames} from "/list.js";
import {drawProgress, drawClasses, drawLearning, drawDoubts, phaseText} from "/progress.js";

export const showing = {
  showSave(state, text) {
    const save = $("save");
    save.dataset.state = state;
    const at = this.savedAt ? ` ${this.savedAt.toLocaleTimeString()}` : "";
    const lost = document.body.dataset.connection === "lost";
    save.textContent = {
      saved: lost ? "server lost; all is saved" : `saved${at}`,
      unsaved: "unsaved",
      saving: "saving…",
      failed: "not saved: server lost; kept in this browser",
      conflict: this.questions.has(this.photo?.id) ? "not saved: see above the photo" : `${text} photo(s) not saved: go there`,
    }[state];
    save.title = state === "saved" ? "all changes are on the server's disk" : `${text} photo(s) with changes that are not on the server yet`;
  },

  drawCounts() {
    const counts = this.list.counts();
    const done = (counts.accepted || 0) + (counts.verified_empty || 0);
    const at = this.list.index();
    $("position").textContent = `${at >= 0 ? at + 1 : "–"} / ${this.list.shown.length} · ${done} accepted`;
    if (this.tab === "learn") drawProgress(counts, this.list.photos.length, this.statistics);
  },

  drawLearning() {
    drawLearning(this.learning, this.model);
    $("model").textContent = this.model?.version ? `model ${this.model.version}` : this.model?.loading ? "model loads…" : "";
    $("learning").textContent = this.learning ? phaseText(this.learning) : "";
    $("learning").classList.toggle("bad-text", this.learning?.phase === "failed");
  },

  async refreshStatistics() {
    this.statistics = await api.statistics().catch(() => this.statistics);
    if (this.statistics) drawClasses(this.statistics.classes, (name) => this.number(name));
    this.drawCounts();
  },

  async refreshDoubts() {
    const {doubts} = await api.doubts().catch(() => ({doubts: []}));
    drawDoubts(doubts, !!this.model, async (doubt) => {
      this.doubt = doubt;
      await this.open(doubt.id);
      this.doubt = doubt;
      this.setDrawing(false);
      this.canvas.reveal(doubt.box);
      this.drawAll();
    });
  },

  drawClassList() {
    replace($("classes"), ...this.classes.map((name, i) => {
      const dot = h("span", {class: "swatch"});
      dot.style.background = colorOf(i);
      return h("button", {type: "button", class: `class${name === this.class ? " on" : ""}`, "data-class": name, onclick: () => { this.work.act(); this.chooseClass(i); }},
        dot, h("span", {class: "name"}, name), i < 9 ? h("kbd", {}, String(i + 1)) : null);
    }));
    $("add-class").hidden = this.project.classes_given;
    if (!this.classes.length) replace($("classes"), h("p", {class: "quiet"}, "No class yet: name one here, or draw a box."));
  },

  drawBoxList() {
    const boxes = this.labels?.boxes || [];
    $("box-count").textContent = boxes.length ? String(boxes.length) : "none";
    replace($("box-list"), ...boxes.map((box) => {
      const dot = h("span", {class: "swatch"});
      dot.style.background = colorOf(this.number(box.name));
      const flag = (name, sign, title, on) => h("button", {type: "button", class: `mini${on ? " on" : ""}`, title, "data-flag": name,
        onclick: (event) => { event.stopPropagation(); this.labels.selected = box.key; name === "hidden" || name === "locked" ? this.mark(name) : this.toggle(name); }}, sign);
      return h("div", {class: `box-row${box.key === this.labels.selected ? " on" : ""}${box.hidden ? " gone" : ""}`, "data-key": box.key,
        onclick: () => { this.labels.selected = box.key; this.canvas.reveal(box.box); this.selected(); }},
        dot, h("span", {class: "name"}, box.name),
        flag("difficult", icon("diamond"), "difficult (i)", box.difficult), flag("truncated", icon("cut"), "truncated (u)", box.truncated),
        flag("hidden", icon("eye"), "hide (h)", box.hidden), flag("locked", icon("lock"), "lock (l)", box.locked));
    }));
    replace($("remarks"), ...(this.photo?.remarks || []).map((remark) => h("p", {class: "remark"}, remark)));
  },

  drawSuggestionList() {
    $("suggestion-panel").hidden = !this.model;
    if (!this.model) return;
    const shown = this.suggestions();
    $("threshold").value = this.threshold;
    $("threshold-value").textContent = this.threshold.toFixed(2);
    $("suggestion-version").textContent = this.version ? `version ${this.version}${this.current ? "" : ", being renewed"}` : this.problem || "none yet";
    $("take-all").textContent = `take all ${shown.length || ""}`;
    $("take-all").disabled = !shown.length;
    replace($("suggestion-list"), ...shown.map((one) => h("div", {class: `box-row${one.chosen ? " on" : ""}`, "data-suggestion": one.key,
      onclick: () => { this.labels.selected = null; this.selected(one); }},
      h("span", {class: "value"}, one.score.toFixed(2)), h("span", {class: "name"}, one.name),
      h("button", {type: "button", class: "mini good-text", title: "take it", onclick: (e) => { e.stopPropagation(); this.work.act(); this.take(one); }}, icon("check")),
      h("button", {type: "button", class: "mini bad-text", title: "dismiss it", onclick: (e) => { e.stopPropagation(); this.work.act(); this.dismiss(one.key); }}, icon("cross")))));
  },

  drawAll() {
    if (!this.photo || !this.labels) return;
    this.canvas.draw();
    this.drawBoxList();
    this.drawSuggestionList();
    this.drawClassList();
    const takes = this.keys.map === "review" ? this.suggestions().length : 0;
    $("accept").textContent = this.labels.boxes.length + takes ? "accept" : "accept as empty";
    $("state-name").textContent = stateNames[this.photo.state];
    $("state-name").dataset.state = this.photo.state;
    $("name-of-photo").textContent = this.photo.name;
    $("tool-undo").disabled = !this.labels.past.length;
    $("tool-redo").disabled = !this.labels.future.length;
    $("decide").classList.toggle("off", !this.writable());
    this.drawCounts();
  },
};
