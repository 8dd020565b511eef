// SPDX-License-Identifier: MIT
// What the server and other people say, and what a person has to be asked then.
import {$, toast, banner} from "/dom.js";
import {api} from "/api.js";
import {Labels} from "/labels.js";

export const hearing = {
  wasSaved(id, answer) {
    const row = this.list.byId.get(id);
    if (this.photo?.id === id) {
      this.photo.revision = answer.revision;
      this.labels.revision = answer.revision;
      if (!this.outbox.get(id)) this.photo.state = answer.state;
    } else if (this.histories.has(id)) {
      this.histories.get(id).revision = answer.revision;
    }
    if (row && !this.outbox.get(id)) row.state = answer.state;
    this.savedAt = new Date();
    this.drawCounts();
  },

  conflict(id, body) {
    const who = body.now.by || "Somebody";
    this.question(id, `${who} has changed ${body.now.name} meanwhile. Theirs has ${body.now.objects.length} boxes, yours ${body.yours.objects.length}.`, [
      ["keep mine", () => { this.photo.revision = body.now.revision; this.outbox.insist(id, body.now.revision); }],
      ["take theirs", () => this.giveUp(id)],
    ], ["look at theirs", () => this.peek(body.now)]);
  },

  /** What a person has to say before the photo is saved; it is asked where the photo is. An answer ends it. */
  question(id, text, answers, ...others) {
    const ask = () => banner(text, [
      ...answers.map(([word, act]) => [word, () => { this.questions.delete(id); banner(""); act(); }]), ...others]);
    this.questions.set(id, ask);
    if (this.photo?.id === id) ask();
    else toast(text, "go there", () => this.open(id));
  },

  giveUp(id) {
    this.outbox.drop(id);
    this.histories.delete(id);
    this.outbox.tell();
    this.open(id, true);
  },

  /** Shows the other's boxes for a moment. */
  peek(theirs) {
    const mine = this.labels;
    this.labels = new Labels(this.photo, theirs.objects);
    this.canvas.draw();
    setTimeout(() => {
      this.labels = mine;
      this.canvas.draw();
    }, 1500);
  },

  refused(id, wrong) {
    const name = this.list.byId.get(id)?.name || id;
    const again = () => this.outbox.insist(id, this.outbox.get(id)?.revision);
    if (wrong.status === 423)
      return this.question(id, `${wrong.message}. Your changes are kept in this browser.`, [
        ["take it over", async () => { await api.lease(id, {session: this.session, by: this.by, force: true}); again(); this.open(id, true); }],
        ["give up the changes", () => this.giveUp(id)],
      ]);
    return this.question(id, `${name} is not saved: ${wrong.message}`, [["try again", again], ["give up the changes", () => this.giveUp(id)]]);
  },

  heard(row) {
    this.list.update(this.outbox.get(row.id) ? {...row, state: this.list.byId.get(row.id).state} : row);
    this.drawCounts();
    if (row.id !== this.photo?.id) return;
    const mine = this.outbox.get(row.id) || this.canvas.gesture;
    if (!mine && row.revision > this.photo.revision) this.open(row.id, true);
    else if (!this.current && row.uncertainty !== undefined) this.refreshSuggestions();
  },

  heardModel(model) {
    const fresh = model.version !== this.model?.version;
    this.model = model;
    if (fresh) {
      this.current = false;
      if (model.version) toast(`suggestions come from version ${model.version} now`);
      this.refreshSuggestions();
    }
    this.drawLearning();
    const byModel = this.list.order === "uncertainty" || this.list.order === "disagreement";
    if (byModel && model.version && model.done === model.photos && this.arrangedBy !== model.version) {
      this.arrangedBy = model.version; // once a version has seen all, the order is its own
      this.reloadList();
    }
  },

  async refreshSuggestions() {
    if (!this.photo || !this.model) return;
    const id = this.photo.id;
    const made = await api.suggestions(id).catch(() => null);
    if (!made || this.photo.id !== id) return;
    this.takeSuggestions(made);
    this.drawAll();
  },

  lost() {
    this.connected = false;
    document.body.dataset.connection = "lost";
    this.outbox.tell();
    this.showSave($("save").dataset.state, "");
  },

  async found() {
    const back = this.connected === false;
    this.connected = true;
    document.body.dataset.connection = "there";
    if (!back) return;
    try {
      const project = await api.project();
      [this.model, this.learning, this.classes] = [project.model, project.learning, project.classes];
      await this.reloadList();
      this.drawLearning();
      await this.outbox.flush();
      await this.renewLease();
    } catch { /* lost again */ }
  },
};
