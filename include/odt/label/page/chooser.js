// SPDX-License-Identifier: MIT
// Asks for a class beside a box: type a few letters, or a new name.
import {$, h, replace, clamp} from "/dom.js";

export class Chooser {
  constructor(classes) {
    this.classes = classes;
    this.box = $("chooser");
    this.input = $("chooser-input");
    this.input.addEventListener("input", () => this.draw());
    this.input.addEventListener("keydown", (event) => this.key(event));
    this.input.addEventListener("blur", () => setTimeout(() => this.close(), 150));
  }

  /** act gets the name, or "" when nothing was chosen. */
  ask([x, y], name, act) {
    this.act = act;
    this.at = 0;
    this.box.hidden = false;
    const stage = $("stage").getBoundingClientRect();
    this.box.style.left = `${clamp(x, 4, stage.width - 190)}px`;
    this.box.style.top = `${clamp(y, 4, stage.height - 200)}px`;
    this.input.value = name;
    this.input.focus();
    this.input.select();
    this.draw(true);
  }

  found(all) {
    const text = this.input.value.trim().toLowerCase();
    return this.classes().filter((name) => all || !text || name.toLowerCase().includes(text));
  }

  draw(all = false) {
    const names = this.found(all);
    this.at = clamp(this.at, 0, Math.max(names.length - 1, 0));
    replace($("chooser-list"), ...names.slice(0, 12).map((name, i) =>
      h("li", {class: i === this.at ? "on" : "", onpointerdown: (event) => { event.preventDefault(); this.end(name); }}, name)));
  }

  key(event) {
    if (event.key === "Escape") this.end("");
    else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      this.at += event.key === "ArrowDown" ? 1 : -1;
      this.draw();
    } else if (event.key === "Enter") {
      const typed = this.input.value.trim();
      const exact = this.classes().find((name) => name === typed);
      this.end(exact || this.found(false)[this.at] || typed);
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  }

  end(name) {
    const act = this.act;
    this.act = null;
    this.box.hidden = true;
    $("canvas").focus({preventScroll: true});
    if (act) act(name);
  }

  close() {
    if (this.act) this.end("");
  }
}
