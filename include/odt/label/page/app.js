// SPDX-License-Identifier: MIT
// The page: opens photos, takes decisions, and keeps server, canvas, lists and keys together.
import {$, h, icon, replace, toast, banner, settings, iou, colorOf} from "/dom.js";
import {api, listen, Refused} from "/api.js";
import {Labels} from "/labels.js";
import {Outbox, openSession} from "/outbox.js";
import {Canvas} from "/canvas.js";
import {Keys} from "/keys.js";
import {PhotoList, stateNames} from "/list.js";
import {drawProgress, drawClasses, drawLearning, drawDoubts, phaseText} from "/progress.js";
import {Chooser} from "/chooser.js";
import {Work} from "/work.js";

class App {
  async start() {
    this.session = await openSession();
    this.histories = new Map(); // of photos that were open: labels with their undo
    this.decisions = []; // ids, for going back
    this.questions = new Map(); // by id: what a person has to be asked before the photo can be saved
    this.photo = null;
    this.labels = null;
    this.lease = null;
    this.offered = []; // suggestions of the photo
    this.dismissed = new Set();
    this.doubt = null;
    this.drawing = true;
    this.work = new Work();
    this.by = settings.get("name", "") || "somebody";
    this.project = await api.project();
    this.classes = this.project.classes;
    this.model = this.project.model;
    this.learning = this.project.learning;
    this.threshold = settings.get("threshold", this.project.threshold);
    this.outbox = new Outbox(this.project.name, this.session, {
      state: (state, text) => this.showSave(state, text),
      saved: (id, answer) => this.wasSaved(id, answer),
      conflict: (id, body) => this.conflict(id, body),
      refused: (id, error) => this.refused(id, error),
    });
    this.list = new PhotoList((id) => this.open(id));
    this.canvas = new Canvas(this.hands());
    this.chooser = new Chooser(() => this.classes, (name) => this.number(name));
    this.keys = new Keys(this.actions(), (n) => this.chooseClass(n), (dx, dy, resizes) => this.nudge(dx, dy, resizes), () => this.work.act());
    this.wire();
    await this.reloadList();
    const left = await this.outbox.adopt();
    $("project").textContent = this.project.name;
    document.title = `${this.project.name} – odt label`;
    this.setKeymap(settings.get("keymap", "label"));
    this.selectClass(settings.get("class", "") || this.classes[0] || "");
    this.drawLearning();
    listen({
      photo: (row) => this.heard(row),
      model: (model) => this.heardModel(model),
      learning: (learning) => { this.learning = learning; this.drawLearning(); },
      classes: (classes) => { this.classes = classes; this.drawClassList(); },
    }, () => this.lost(), () => this.found());
    const wanted = location.hash.slice(1);
    const first = this.list.byId.get(wanted) || this.list.byId.get(left[0]) || this.list.shown.find((p) => p.state === "untouched" || p.state === "draft") || this.list.shown[0];
    await this.open(first.id);
    this.outbox.flush();
    setInterval(() => this.renewLease(), (this.project.lease_seconds * 1000) / 3);
    document.body.dataset.ready = "yes";
  }

  // ---- what canvas and keys ask for

  hands() {
    return {
      labels: () => this.labels,
      suggestions: () => this.suggestions(),
      color: (name) => colorOf(this.number(name)),
      draws: () => this.drawing && !!this.labels,
      writable: () => this.writable(),
      doubt: () => this.doubt,
      acted: () => this.work.act(),
      drawn: (box) => this.drawn(box),
      changed: (what) => this.changed(what),
      selected: (suggestion) => this.selected(suggestion),
      takes: (suggestion) => this.take(suggestion),
      chosenSuggestion: () => this.suggestions().find((one) => one.chosen),
      adopts: (suggestion) => this.adopt(suggestion),
      zoomed: (scale) => { $("zoom").textContent = `${Math.round(scale * 100)} %`; },
      missing: () => banner("The photo cannot be shown: its file is damaged, or gone."),
    };
  }

  actions() {
    return {
      draw: () => this.setDrawing(!this.drawing),
      accept: () => this.accept(),
      reject: () => this.decide("rejected"),
      ignore: () => this.decide("ignored"),
      flag: () => this.decide("flagged"),
      next: () => this.go(1),
      previous: () => this.go(-1),
      "undo-decision": () => this.undoDecision(),
      "take-all": () => this.takeAll(),
      take: () => this.takeChosen(),
      "next-suggestion": () => this.chooseSuggestion(),
      fewer: () => this.setThreshold(this.threshold + 0.05),
      more: () => this.setThreshold(this.threshold - 0.05),
      undo: () => this.undo(),
      redo: () => this.redo(),
      remove: () => this.remove(),
      duplicate: () => this.duplicate(),
      "copy-previous": () => this.copyPrevious(),
      "edit-class": () => this.editClass(),
      "next-box": () => this.nextBox(),
      difficult: () => this.toggle("difficult"),
      truncated: () => this.toggle("truncated"),
      hide: () => this.mark("hidden"),
      lock: () => this.mark("locked"),
      "toggle-all": () => this.hideAll(!this.canvas.hidden),
      "show-all": () => this.hideAll(false),
      save: () => { this.outbox.flush(); },
      fit: () => this.canvas.fit(),
      "zoom-in": () => this.canvas.zoom(1.25),
      "zoom-out": () => this.canvas.zoom(0.8),
      escape: () => this.escape(),
      help: () => this.keys.showOverlay(),
    };
  }

  wire() {
    for (const button of document.querySelectorAll("[data-icon]")) button.prepend(icon(button.dataset.icon));
    const actions = this.actions();
    document.addEventListener("click", (event) => {
      const button = event.target.closest("[data-action]");
      if (!button) return;
      this.work.act();
      actions[button.dataset.action]();
      button.blur();
    });
    $("save").addEventListener("click", () => { const [id] = this.questions.keys(); if (id) this.open(id); else this.outbox.flush(); });
    $("help").addEventListener("click", () => this.keys.showOverlay());
    $("keymap").addEventListener("change", (event) => { this.setKeymap(event.target.value); event.target.blur(); });
    $("threshold").addEventListener("input", (event) => this.setThreshold(Number(event.target.value)));
    $("theme").addEventListener("click", () => this.nextTheme());
    $("learn-now").addEventListener("click", () => api.learn().then((learning) => { this.learning = learning; this.drawLearning(); }).catch((e) => toast(e.message)));
    $("add-class").addEventListener("submit", (event) => {
      event.preventDefault();
      this.addClass($("new-class").value.trim()).then(() => { $("new-class").value = ""; $("new-class").blur(); });
    });
    $("name").value = this.by === "somebody" ? "" : this.by;
    $("name").addEventListener("change", () => { this.by = $("name").value.trim() || "somebody"; settings.set("name", this.by); });
    for (const name of ["go-on", "next-accepts", "keep-drawing"])
      $(name).addEventListener("change", () => settings.set(`${this.keys.map}:${name}`, $(name).checked));
    $("tabs").addEventListener("click", (event) => {
      const tab = event.target.dataset.tab;
      if (tab) this.showTab(tab);
    });
    document.addEventListener("keydown", (event) => { if (event.code === "Space" && event.shiftKey) this.canvas.panning = true; });
    document.addEventListener("keyup", (event) => { if (event.code === "Space") this.canvas.panning = false; });
    window.addEventListener("hashchange", () => { const id = location.hash.slice(1); if (this.list.byId.has(id) && id !== this.photo?.id) this.open(id); });
    window.addEventListener("pagehide", () => this.leave());
    window.addEventListener("beforeunload", () => this.canvas.finish());
    this.nextTheme(settings.get("theme", "auto"));
    this.showTab("boxes");
  }

  showTab(tab) {
    for (const button of document.querySelectorAll("[data-tab]")) {
      button.classList.toggle("on", button.dataset.tab === tab);
      button.setAttribute("aria-selected", String(button.dataset.tab === tab));
    }
    for (const panel of document.querySelectorAll(".panel")) panel.classList.toggle("on", panel.dataset.panel === tab);
    this.tab = tab;
    if (tab === "learn") this.refreshStatistics();
    if (tab === "review") this.refreshDoubts();
    this.list.draw();
  }

  nextTheme(theme) {
    const all = ["auto", "light", "dark"];
    const next = theme || all[(all.indexOf(settings.get("theme", "auto")) + 1) % 3];
    document.documentElement.dataset.theme = next;
    $("theme").textContent = {auto: "◐", light: "☀", dark: "☾"}[next];
    settings.set("theme", next);
  }

  setKeymap(map) {
    this.keys.map = map;
    $("keymap").value = map;
    settings.set("keymap", map);
    $("go-on").checked = settings.get(`${map}:go-on`, map === "review");
    $("next-accepts").checked = settings.get(`${map}:next-accepts`, false);
    $("keep-drawing").checked = settings.get(`${map}:keep-drawing`, true);
    this.keys.mark();
    this.setDrawing(map === "label");
    this.drawAll();
  }

  // ---- photos

  async reloadList() {
    const {photos} = await api.photos();
    this.list.take(photos, this.project.states);
    this.drawCounts();
  }

  async open(id, again = false) {
    if (!again) this.canvas.finish();
    const before = this.photo;
    if (before && before.id !== id) {
      this.outbox.schedule(0);
      if (this.lease?.mine) api.lease(before.id, {session: this.session, release: true}).catch(() => {});
    }
    const ticket = (this.ticket = {});
    let photo;
    try {
      this.lease = await api.lease(id, {session: this.session, by: this.by}).catch((wrong) => {
        if (wrong instanceof Refused && wrong.status === 423) return wrong.body;
        throw wrong;
      });
      photo = await api.photo(id, this.session);
    } catch (wrong) {
      if (ticket !== this.ticket) return;
      toast(wrong instanceof Refused ? wrong.message : "the server cannot be reached; what was changed is kept in this browser");
      return;
    }
    if (ticket !== this.ticket) return;
    this.show(photo);
  }

  show(photo) {
    const same = this.photo?.id === photo.id;
    const known = this.histories.get(photo.id);
    const waiting = this.outbox.get(photo.id);
    this.photo = photo;
    banner("");
    if (waiting && waiting.revision !== photo.revision && !this.outbox.sending) {
      // Somebody saved between the draft and now; the outbox will find out and ask.
      this.labels = new Labels(photo, waiting.objects);
    } else if (waiting) {
      this.labels = known && JSON.stringify(known.wire()) === JSON.stringify(waiting.objects) ? known : new Labels(photo, waiting.objects);
      if (!known) toast("unsaved changes of this photo were brought back");
    } else if (known && known.revision === photo.revision) {
      this.labels = known;
    } else {
      this.labels = new Labels(photo, photo.objects);
    }
    this.labels.revision = photo.revision;
    this.histories.delete(photo.id);
    this.histories.set(photo.id, this.labels);
    if (this.histories.size > 50) this.histories.delete(this.histories.keys().next().value);
    if (waiting) this.photo.state = waiting.state;
    if (!same) {
      this.dismissed = new Set();
      this.chosenSuggestion = null;
      if (this.doubt?.id !== photo.id) this.doubt = null;
      this.work.begin();
      history.replaceState(null, "", `#${photo.id}`);
    }
    this.takeSuggestions(photo.suggestions);
    this.list.setCurrent(photo.id);
    if (!same || !this.canvas.image) this.canvas.show(api.imagePath(photo.id), photo.width, photo.height);
    if (this.questions.has(photo.id)) this.questions.get(photo.id)();
    else if (!photo.readable) banner(`${photo.remarks[0]}. Nothing is saved over it; repair or remove the file.`);
    else if (!this.lease?.mine) this.showLease();
    this.drawAll();
    const next = this.list.step(1);
    if (next) new Image().src = api.imagePath(next.id);
  }

  writable() {
    return !!this.photo?.readable && !!this.lease?.mine;
  }

  showLease() {
    banner(`${this.lease.by === "somebody" ? "Somebody else, or another window," : this.lease.by} is working on this photo.`, [
      ["take it over", async () => {
        this.lease = await api.lease(this.photo.id, {session: this.session, by: this.by, force: true});
        this.open(this.photo.id, true);
      }],
      ["next photo", () => this.go(1)],
    ]);
  }

  async renewLease() {
    if (!this.photo || document.hidden) return;
    const id = this.photo.id;
    try {
      const lease = await api.lease(id, {session: this.session, by: this.by});
      if (this.photo.id !== id) return;
      const gained = !this.lease?.mine;
      this.lease = lease;
      if (gained) this.open(id, true);
    } catch (wrong) {
      if (wrong instanceof Refused && wrong.status === 423 && this.photo.id === id) {
        const had = this.lease?.mine;
        this.lease = wrong.body;
        if (had) this.showLease();
      }
    }
  }

  async go(by) {
    if (by > 0 && $("next-accepts").checked && this.drewHere && this.labels?.boxes.length && this.writable()) this.keep("accepted");
    const photo = this.list.step(by);
    if (photo) await this.open(photo.id);
    else toast(by > 0 ? "this is the last photo of the list" : "this is the first photo of the list");
  }

  leave() {
    this.canvas.finish();
    if (this.lease?.mine && this.photo) api.lease(this.photo.id, {session: this.session, release: true}, {keepalive: true}).catch(() => {});
  }

  // ---- changes

  /** After each change of the boxes: into the outbox, and thereby to the server. */
  changed(what, amount = 1) {
    if (what) this.work.count(what, amount);
    this.drewHere = true;
    const state = this.photo.state;
    const stays = state === "flagged" || (state === "accepted" && this.labels.boxes.length);
    this.keep(stays ? state : "draft");
  }

  keep(state, wait) {
    this.photo.state = state;
    this.outbox.put(this.photo.id, {revision: this.photo.revision, state, objects: this.labels.wire(), by: this.by}, this.work.take(), wait);
    this.list.update({id: this.photo.id, state, boxes: this.labels.boxes.length});
    this.drawAll();
    this.drawCounts();
  }

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
  }

  remove() {
    const chosen = this.labels?.selection;
    if (!this.writable()) return;
    if (!chosen) return this.dismiss(this.chosenSuggestion);
    if (chosen.locked) return toast("the box is locked");
    const at = this.labels.boxes.indexOf(chosen);
    this.labels.change(() => this.labels.remove(chosen.key));
    this.labels.selected = this.labels.boxes[Math.min(at, this.labels.boxes.length - 1)]?.key ?? null;
    this.changed("removed");
  }

  duplicate() {
    const chosen = this.labels?.selection;
    if (!chosen || !this.writable()) return;
    const box = this.labels.moved(chosen.box, 10, 10);
    this.labels.change(() => this.labels.add({...chosen, box}));
    this.changed("drawn");
  }

  async copyPrevious() {
    if (!this.writable()) return;
    const before = this.list.step(-1);
    if (!before) return toast("there is no photo before this one");
    const objects = this.outbox.get(before.id)?.objects || (await api.photo(before.id, this.session)).objects;
    const fitting = objects.map((o) => ({...o, box: this.labels.fitted(o.box)})).filter((o) => o.box && !this.labels.boxes.some((b) => b.name === o.name && iou(b.box, o.box) > 0.95));
    if (!fitting.length) return toast("the photo before has no boxes that are not here");
    this.labels.change(() => fitting.forEach((o) => this.labels.add({...o, truncated: null})));
    this.changed("accepted", fitting.length);
  }

  nudge(dx, dy, resizes) {
    const chosen = this.labels?.selection;
    if (!chosen || chosen.locked || !this.writable()) return false;
    const box = resizes ? this.labels.fitted([chosen.box[0], chosen.box[1], chosen.box[2] + dx, chosen.box[3] + dy]) : this.labels.moved(chosen.box, dx, dy);
    if (box && this.labels.change(() => this.labels.update(chosen.key, {box}))) this.changed("adjusted");
    return true;
  }

  toggle(flag) {
    const chosen = this.labels?.selection;
    if (!chosen || !this.writable()) return;
    this.labels.change(() => this.labels.update(chosen.key, {[flag]: !chosen[flag]}));
    this.changed("adjusted");
  }

  /** What concerns this window alone. */
  mark(what) {
    const chosen = this.labels?.selection;
    if (!chosen) return;
    chosen[what] = !chosen[what];
    this.drawAll();
  }

  hideAll(hidden) {
    this.canvas.hidden = hidden;
    if (!hidden) this.labels?.boxes.forEach((box) => { box.hidden = false; });
    $("tool-hide").classList.toggle("on", hidden);
    this.drawAll();
  }

  undo() {
    if (this.writable() && this.labels.undo()) this.changed();
    else toast("there is nothing to undo on this photo");
  }

  redo() {
    if (this.writable() && this.labels.redo()) this.changed();
  }

  escape() {
    this.labels?.cancel();
    this.canvas.gesture = null;
    this.chooser.close();
    if (this.labels) this.labels.selected = null;
    this.chosenSuggestion = null;
    this.doubt = null;
    this.drawAll();
  }

  nextBox() {
    const boxes = this.labels?.boxes || [];
    if (!boxes.length) return;
    const at = boxes.findIndex((box) => box.key === this.labels.selected);
    const next = boxes[(at + 1) % boxes.length];
    this.labels.selected = next.key;
    this.canvas.reveal(next.box);
    this.drawAll();
  }

  setDrawing(on) {
    this.drawing = on;
    $("tool-draw").classList.toggle("on", on);
    if (this.canvas) this.canvas.draw();
  }

  // ---- classes

  number(name) {
    const at = this.classes.indexOf(name);
    return at < 0 ? this.classes.length : at;
  }

  selectClass(name) {
    this.class = name;
    settings.set("class", name);
    this.drawClassList();
  }

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
  }

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
  }

  editClass() {
    const chosen = this.labels?.selection;
    if (!chosen || !this.writable()) return;
    const [x, y] = this.canvas.toScreen(chosen.box);
    this.chooser.ask([x, y], chosen.name, async (name) => {
      if (!name || name === chosen.name || !(await this.addClass(name))) return;
      this.labels.change(() => this.labels.update(chosen.key, {name}));
      this.changed("adjusted");
    });
  }

  // ---- suggestions

  takeSuggestions(made) {
    this.version = made?.version || "";
    this.current = !!made?.current;
    this.offered = (made?.boxes || []).map((one, i) => ({...one, key: `s${i}`}));
    this.problem = made?.problem || "";
  }

  /** Those that are to be seen: sure enough, and not labelled already. */
  suggestions() {
    if (!this.labels) return [];
    return this.offered.filter((one) => one.score >= this.threshold && !this.dismissed.has(`${this.version}:${one.key}`) &&
      !this.labels.boxes.some((box) => iou(box.box, one.box) > (box.name === one.name ? 0.5 : 0.8)))
      .map((one) => ({...one, chosen: one.key === this.chosenSuggestion}));
  }

  take(...some) {
    if (!some.length || !this.writable()) return;
    this.labels.change(() => some.forEach((one) => this.labels.add({name: one.name, box: this.labels.fitted(one.box) || one.box})));
    this.chosenSuggestion = null;
    this.changed("accepted", some.length);
  }

  /** A suggestion that a hand takes to change it: a box from now on. */
  adopt(suggestion) {
    this.chosenSuggestion = null;
    this.work.count("accepted");
    return this.labels.add({name: suggestion.name, box: this.labels.fitted(suggestion.box) || suggestion.box});
  }

  takeAll() {
    this.take(...this.suggestions());
  }

  takeChosen() {
    const shown = this.suggestions();
    const one = shown.find((s) => s.chosen) || shown[0];
    if (one) this.take(one);
  }

  chooseSuggestion() {
    const shown = this.suggestions();
    if (!shown.length) return;
    const at = shown.findIndex((one) => one.chosen);
    this.labels.selected = null;
    this.chosenSuggestion = shown[(at + 1) % shown.length].key;
    this.drawAll();
  }

  dismiss(key) {
    if (!key) return;
    this.dismissed.add(`${this.version}:${key}`);
    this.chosenSuggestion = null;
    this.work.count("removed");
    this.drawAll();
  }

  setThreshold(value) {
    this.threshold = Math.round(Math.min(Math.max(value, 0.05), 0.95) * 100) / 100;
    settings.set("threshold", this.threshold);
    this.drawAll();
  }

  selected(suggestion) {
    this.chosenSuggestion = suggestion?.key || null;
    const chosen = this.labels?.selection;
    if (chosen) this.selectClass(chosen.name);
    this.drawAll();
  }

  // ---- decisions

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
    this.decide(this.labels.boxes.length ? "accepted" : "verified_empty");
  }

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
  }

  async undoDecision() {
    const last = this.decisions.pop();
    if (!last) return toast("there is no decision to undo");
    if (this.photo.id !== last.id) await this.open(last.id);
    if (this.photo.id !== last.id || !this.writable()) return;
    // A photo that nobody had touched cannot be untouched again.
    this.keep(last.state === "untouched" ? "draft" : last.state, 0);
  }

  // ---- what the server and others say

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
  }

  conflict(id, body) {
    const who = body.now.by || "Somebody";
    this.question(id, `${who} has changed ${body.now.name} meanwhile. Theirs has ${body.now.objects.length} boxes, yours ${body.yours.objects.length}.`, [
      ["keep mine", () => { this.photo.revision = body.now.revision; this.outbox.insist(id, body.now.revision); }],
      ["take theirs", () => this.giveUp(id)],
    ], ["look at theirs", () => this.peek(body.now)]);
  }

  /** What a person has to say before the photo is saved; it is asked where the photo is. An answer ends it. */
  question(id, text, answers, ...others) {
    const ask = () => banner(text, [
      ...answers.map(([word, act]) => [word, () => { this.questions.delete(id); banner(""); act(); }]), ...others]);
    this.questions.set(id, ask);
    if (this.photo?.id === id) ask();
    else toast(text, "go there", () => this.open(id));
  }

  giveUp(id) {
    this.outbox.drop(id);
    this.histories.delete(id);
    this.outbox.tell();
    this.open(id, true);
  }

  /** Shows the other's boxes for a moment. */
  peek(theirs) {
    const mine = this.labels;
    this.labels = new Labels(this.photo, theirs.objects);
    this.canvas.draw();
    setTimeout(() => {
      this.labels = mine;
      this.canvas.draw();
    }, 1500);
  }

  refused(id, wrong) {
    const name = this.list.byId.get(id)?.name || id;
    const again = () => this.outbox.insist(id, this.outbox.get(id)?.revision);
    if (wrong.status === 423)
      return this.question(id, `${wrong.message}. Your changes are kept in this browser.`, [
        ["take it over", async () => { await api.lease(id, {session: this.session, by: this.by, force: true}); again(); this.open(id, true); }],
        ["give up the changes", () => this.giveUp(id)],
      ]);
    return this.question(id, `${name} is not saved: ${wrong.message}`, [["try again", again], ["give up the changes", () => this.giveUp(id)]]);
  }

  heard(row) {
    this.list.update(this.outbox.get(row.id) ? {...row, state: this.list.byId.get(row.id).state} : row);
    this.drawCounts();
    if (row.id !== this.photo?.id) return;
    const mine = this.outbox.get(row.id) || this.canvas.gesture;
    if (!mine && row.revision > this.photo.revision) this.open(row.id, true);
    else if (!this.current && row.uncertainty !== undefined) this.refreshSuggestions();
  }

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
  }

  async refreshSuggestions() {
    if (!this.photo || !this.model) return;
    const id = this.photo.id;
    const made = await api.suggestions(id).catch(() => null);
    if (!made || this.photo.id !== id) return;
    this.takeSuggestions(made);
    this.drawAll();
  }

  lost() {
    this.connected = false;
    document.body.dataset.connection = "lost";
    this.outbox.tell();
    this.showSave($("save").dataset.state, "");
  }

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
  }

  // ---- drawing

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
  }

  drawCounts() {
    const counts = this.list.counts();
    const done = (counts.accepted || 0) + (counts.verified_empty || 0);
    const at = this.list.index();
    $("position").textContent = `${at >= 0 ? at + 1 : "–"} / ${this.list.shown.length} · ${done} accepted`;
    if (this.tab === "learn") drawProgress(counts, this.list.photos.length, this.statistics);
  }

  drawLearning() {
    drawLearning(this.learning, this.model);
    $("model").textContent = this.model?.version ? `model ${this.model.version}` : this.model?.loading ? "model loads…" : "";
    $("learning").textContent = this.learning ? phaseText(this.learning) : "";
    $("learning").classList.toggle("bad-text", this.learning?.phase === "failed");
  }

  async refreshStatistics() {
    this.statistics = await api.statistics().catch(() => this.statistics);
    if (this.statistics) drawClasses(this.statistics.classes, (name) => this.number(name));
    this.drawCounts();
  }

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
  }

  drawClassList() {
    replace($("classes"), ...this.classes.map((name, i) => {
      const dot = h("span", {class: "swatch"});
      dot.style.background = colorOf(i);
      return h("button", {type: "button", class: `class${name === this.class ? " on" : ""}`, "data-class": name, onclick: () => { this.work.act(); this.chooseClass(i); }},
        dot, h("span", {class: "name"}, name), i < 9 ? h("kbd", {}, String(i + 1)) : null);
    }));
    $("add-class").hidden = this.project.classes_given;
    if (!this.classes.length) replace($("classes"), h("p", {class: "quiet"}, "No class yet: name one here, or draw a box."));
  }

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
  }

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
  }

  drawAll() {
    if (!this.photo || !this.labels) return;
    this.canvas.draw();
    this.drawBoxList();
    this.drawSuggestionList();
    this.drawClassList();
    const takes = this.keys.map === "review" ? this.suggestions().length : 0;
    $("accept").textContent = this.labels.boxes.length + takes ? "accept" : "accept: nothing here";
    $("state-name").textContent = stateNames[this.photo.state];
    $("state-name").dataset.state = this.photo.state;
    $("name-of-photo").textContent = this.photo.name;
    $("tool-undo").disabled = !this.labels.past.length;
    $("tool-redo").disabled = !this.labels.future.length;
    $("decide").classList.toggle("off", !this.writable());
    this.drawCounts();
  }
}

const app = new App();
window.odt = app; // for whoever wants to look
app.start().catch((wrong) => banner(`The page could not start: ${wrong.message}. A reload may help, once odt label runs.`));
