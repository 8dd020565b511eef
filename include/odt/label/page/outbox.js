// SPDX-License-Identifier: MIT
// What is to be saved. Every change goes into this browser's own storage first and is taken out of it only when the
// server has said that it is saved: so it survives a reload, a browser that is killed, and a server that is lost.
import {api, Refused} from "/api.js";

const prefix = "odt-draft:";
const patience = [1000, 2000, 4000, 8000]; // milliseconds between tries

const random = () => Array.from(crypto.getRandomValues(new Uint8Array(8)), (b) => b.toString(16).padStart(2, "0")).join("");

/** This window's name: the same after a reload, another one in a copy of the window. */
export async function openSession() {
  let session = sessionStorage.getItem("odt-session") || random();
  if (navigator.locks) {
    const mine = (name) => new Promise((resolve) => {
      navigator.locks.request(`odt-session-${name}`, {ifAvailable: true}, (lock) => {
        resolve(!!lock);
        return lock ? new Promise(() => {}) : undefined; // held as long as the window is there
      });
    });
    // After a reload the lock of the page before may take a moment to go.
    for (let tries = 0; !(await mine(session)); ++tries) {
      if (tries < 5) await new Promise((resolve) => setTimeout(resolve, 60));
      else session = random();
    }
  }
  sessionStorage.setItem("odt-session", session);
  return session;
}

export class Outbox {
  /**
   * told.state(state, text): saved, unsaved, saving, failed or conflict; told.saved(id, answer), told.conflict(id, body),
   * told.refused(id, error).
   */
  constructor(project, session, told) {
    this.base = `${prefix}${project}:`;
    this.session = session;
    this.told = told;
    this.failures = 0;
    this.timer = 0;
    this.sending = null;
    this.stuck = new Set(); // ids that a person has to decide about
    this.held = null; // id whose changes still go on
    this.memory = new Map(); // where the browser keeps nothing
  }

  key(id) {
    return `${this.base}${this.session}:${id}`;
  }

  get(id) {
    try {
      const text = localStorage.getItem(this.key(id));
      if (text) return JSON.parse(text);
    } catch { /* below */ }
    return this.memory.get(id) || null;
  }

  write(id, entry) {
    try {
      localStorage.setItem(this.key(id), JSON.stringify(entry));
      this.memory.delete(id);
    } catch {
      this.memory.set(id, entry);
    }
  }

  drop(id) {
    localStorage.removeItem(this.key(id));
    this.memory.delete(id);
    this.stuck.delete(id);
  }

  ids() {
    const start = this.key("");
    const ids = [...this.memory.keys()];
    for (let i = 0; i < localStorage.length; ++i) {
      const key = localStorage.key(i);
      if (key.startsWith(start)) ids.push(key.slice(start.length));
    }
    return ids;
  }

  /** Takes over what windows have left that are no more. */
  async adopt() {
    const held = navigator.locks ? new Set((await navigator.locks.query()).held.map((lock) => lock.name)) : null;
    const keys = Array.from({length: localStorage.length}, (_, i) => localStorage.key(i));
    for (const key of keys) {
      if (!key.startsWith(this.base)) continue;
      const [session, id] = key.slice(this.base.length).split(":");
      if (session === this.session || !id) continue;
      const text = localStorage.getItem(key);
      if (!text) continue;
      const entry = JSON.parse(text);
      const alive = held ? held.has(`odt-session-${session}`) : Date.now() - entry.at < 120000;
      if (alive || this.get(id)) continue;
      this.write(id, entry);
      localStorage.removeItem(key);
    }
    return this.ids();
  }

  /** change: {revision, state, objects, by}; work is added to what is there. */
  put(id, change, work, wait = 700) {
    const before = this.get(id);
    const sum = {...(before?.work || {})};
    for (const [name, value] of Object.entries(work || {})) sum[name] = (sum[name] || 0) + value;
    this.write(id, {...change, revision: before ? before.revision : change.revision, work: sum, at: Date.now(), seq: (before?.seq || 0) + 1});
    if (this.stuck.has(id)) return this.tell();
    this.tell();
    this.schedule(wait);
  }

  /** After a conflict: mine is put upon that revision. */
  insist(id, revision) {
    const entry = this.get(id);
    this.stuck.delete(id);
    if (entry) this.write(id, {...entry, revision});
    this.schedule(0);
  }

  schedule(wait) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.flush(), wait);
  }

  tell() {
    const waiting = this.ids();
    if (!waiting.length) return this.told.state("saved", "");
    if (this.stuck.size && waiting.every((id) => this.stuck.has(id))) return this.told.state("conflict", `${this.stuck.size}`);
    if (this.failures) return this.told.state("failed", `${waiting.length}`);
    this.told.state(this.sending ? "saving" : "unsaved", `${waiting.length}`);
  }

  /** Sends all that waits, one after another; returns when all of it is saved or cannot be now. */
  async flush() {
    if (this.sending) {
      await this.sending;
      if (!this.ids().some((id) => !this.stuck.has(id)) || this.failures) return;
    }
    clearTimeout(this.timer);
    this.sending = this.sendAll();
    this.tell();
    await this.sending;
    this.sending = null;
    this.tell();
    if (this.failures) this.schedule(patience[Math.min(this.failures, patience.length) - 1]);
  }

  async sendAll() {
    for (const id of this.ids()) {
      for (let entry = this.get(id); entry && !this.stuck.has(id); entry = this.get(id)) {
        if (!(await this.send(id, entry))) return;
      }
    }
  }

  async send(id, entry) {
    const {at: _at, seq, ...change} = entry;
    try {
      const answer = await api.save(id, {...change, session: this.session});
      this.failures = 0;
      const now = this.get(id);
      if (now && now.seq !== seq) {
        const work = Object.fromEntries(Object.entries(now.work).map(([name, value]) => [name, value - (entry.work?.[name] || 0)]));
        this.write(id, {...now, revision: answer.revision, work});
      } else {
        this.drop(id);
      }
      this.told.saved(id, answer);
      return true;
    } catch (wrong) {
      if (!(wrong instanceof Refused) || wrong.status >= 500) {
        this.failures += 1;
        return false;
      }
      this.failures = 0;
      this.stuck.add(id);
      if (wrong.status === 409) this.told.conflict(id, wrong.body);
      else this.told.refused(id, wrong);
      return true;
    }
  }
}
