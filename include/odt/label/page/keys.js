// SPDX-License-Identifier: MIT
// Two keymaps: `label` is labelImg's (with CVAT's f and d, and ctrl-z), `review` is Prodigy's.
import {$, h, replace} from "/dom.js";

/** What keys can do, in the order of the overlay. */
const titles = {
  draw: "draw a box; again: select and move",
  accept: "accept: the boxes are right, and there are no others",
  reject: "reject: the photo is of no use",
  ignore: "ignore for now",
  flag: "flag: somebody else should look at it",
  next: "next photo",
  previous: "previous photo",
  "undo-decision": "back to the photo decided about last, and undo that",
  "take-all": "take all suggestions that are shown",
  take: "take the chosen suggestion",
  "next-suggestion": "choose the next suggestion",
  "fewer": "fewer suggestions: a higher score",
  "more": "more suggestions: a lower score",
  undo: "undo",
  redo: "redo",
  remove: "remove the box, or dismiss the suggestion",
  duplicate: "duplicate the box",
  "copy-previous": "copy the boxes of the photo before",
  "edit-class": "give the box another class",
  "next-box": "choose the next box",
  difficult: "difficult",
  truncated: "truncated",
  hide: "hide the box",
  "toggle-all": "hide or show all boxes",
  "show-all": "show all boxes",
  lock: "lock the box",
  save: "save now",
  fit: "fit the photo",
  "zoom-in": "zoom in",
  "zoom-out": "zoom out",
  escape: "choose nothing, end what goes on",
  help: "this overlay",
};

const common = {
  "ctrl+z": "undo", "ctrl+shift+z": "redo", "ctrl+y": "redo", "ctrl+s": "save", "ctrl+d": "duplicate",
  "ctrl+v": "copy-previous", "ctrl+e": "edit-class", "ctrl+h": "toggle-all", "ctrl+a": "show-all", "ctrl+f": "fit",
  "ctrl+=": "zoom-in", "ctrl++": "zoom-in", "ctrl+-": "zoom-out", delete: "remove", w: "draw", enter: "take-all",
  t: "take", g: "next-suggestion", "]": "fewer", "[": "more", tab: "next-box", i: "difficult", u: "truncated", h: "hide", l: "lock",
  escape: "escape", "?": "help", "+": "zoom-in", "-": "zoom-out", "0": "fit",
};

export const keymaps = {
  label: {
    ...common, a: "previous", d: "next", f: "next", " ": "accept", backspace: "remove", x: "reject", s: "ignore", q: "flag",
  },
  review: {
    ...common, a: "accept", x: "reject", " ": "ignore", f: "flag", backspace: "undo-decision", d: "next", s: "previous",
    "arrowright+alt": "next", "arrowleft+alt": "previous",
  },
};

const names = {" ": "space", arrowright: "→", arrowleft: "←", backspace: "⌫", delete: "del", escape: "esc", enter: "⏎", tab: "⇥"};

/** "ctrl+shift+z" of an event. */
function comboOf(event) {
  const key = event.key.toLowerCase();
  const shift = event.shiftKey && key.length > 1 || event.shiftKey && /[a-z]/.test(key);
  return `${event.ctrlKey || event.metaKey ? "ctrl+" : ""}${shift ? "shift+" : ""}${key}`;
}

export class Keys {
  /** actions: by name; chooses(number): a class by 1 to 9; nudges(dx, dy, resizes). */
  constructor(actions, chooses, nudges, acted) {
    this.actions = actions;
    this.map = "label";
    window.addEventListener("keydown", (event) => {
      const target = event.target;
      const writes = target instanceof HTMLInputElement && target.type !== "range" && target.type !== "checkbox" || target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement;
      if (writes || $("overlay").open) return;
      if (event.key === " " && target instanceof HTMLButtonElement) target.blur();
      const step = event.shiftKey ? 10 : 1;
      const arrows = {ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step]};
      if (arrows[event.key] && !(target instanceof HTMLInputElement)) {
        if (nudges(...arrows[event.key], event.altKey || event.ctrlKey)) event.preventDefault();
        return;
      }
      if (/^[1-9]$/.test(event.key) && !event.ctrlKey && !event.metaKey && !event.altKey) {
        chooses(Number(event.key) - 1);
        event.preventDefault();
        acted();
        return;
      }
      const action = keymaps[this.map][comboOf(event)];
      if (!action || event.altKey) return;
      event.preventDefault();
      if (event.repeat && !["next", "previous", "zoom-in", "zoom-out", "undo", "redo"].includes(action)) return;
      acted();
      this.actions[action]();
    });
  }

  /** The keys of an action, for people. */
  of(action) {
    const keys = Object.entries(keymaps[this.map]).filter(([, name]) => name === action).map(([combo]) => combo);
    return keys.slice(0, 2).map((combo) => {
      const [, held, key] = /^((?:ctrl\+|shift\+)*)(.+)$/.exec(combo);
      return held + (names[key] || key);
    });
  }

  /** Writes the keys into the buttons' titles. */
  mark() {
    for (const button of document.querySelectorAll("[data-action]")) {
      const title = titles[button.dataset.action];
      const keys = this.of(button.dataset.action);
      button.title = title ? `${title[0].toUpperCase()}${title.slice(1)}${keys.length ? ` (${keys.join(", ")})` : ""}` : "";
    }
  }

  showOverlay() {
    const rows = Object.entries(titles).map(([action, title]) => {
      const keys = this.of(action);
      return keys.length ? h("tr", {}, h("td", {}, ...keys.map((key) => h("kbd", {}, key))), h("td", {}, title)) : null;
    });
    const more = [["1 … 9", "class of the box, or of the next one"], ["← ↑ → ↓", "move the box by a pixel (shift: ten; ctrl: its size)"],
      ["wheel", "zoom at the pointer; shift: sideways"], ["right button", "drag the photo"], ["double click", "take a suggestion"]];
    const other = this.map === "label" ? "review: Prodigy's keys" : "label: labelImg's keys";
    replace($("overlay-keys"), h("p", {class: "quiet"}, `keymap ${this.map}; the other one is ${other}`),
      h("table", {}, ...rows.filter(Boolean), ...more.map(([key, text]) => h("tr", {}, h("td", {}, h("kbd", {}, key)), h("td", {}, text)))));
    $("overlay").showModal();
  }
}
