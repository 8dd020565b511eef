// SPDX-License-Identifier: MIT
// The page: opens photos, and keeps server, canvas, lists and keys together. What it can do besides lies in editing.js,
// deciding.js, hearing.js and showing.js, whose functions are its own.
import {$, icon, toast, banner, settings, colorOf} from "/dom.js";
import {api, listen, Refused} from "/api.js";
import {Labels} from "/labels.js";
import {Outbox, openSession} from "/outbox.js";
import {Canvas} from "/canvas.js";
import {Keys} from "/keys.js";
import {PhotoList} from "/list.js";
import {editing} from "/editing.js";
import {deciding} from "/deciding.js";
import {hearing} from "/hearing.js";
import {showing} from "/showing.js";
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
    this.outbox = new Outbox(this.project.id, this.session, {
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
    document.addEventListener("visibilitychange", () => { if (!document.hidden) this.renewLease(); });
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
      this.drewHere = false;
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
}

Object.assign(App.prototype, editing, deciding, hearing, showing);

const app = new App();
window.odt = app; // for whoever wants to look
app.start().catch((wrong) => banner(`The page could not start: ${wrong.message}. A reload may help, once odt label runs.`));
