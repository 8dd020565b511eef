// SPDX-License-Identifier: MIT
// How far the labelling is, what the detector learns, and its mAP by the number of labelled photos.
import {$, h, s, replace, colorOf} from "/dom.js";
import {stateNames} from "/list.js";

const order = ["accepted", "verified_empty", "draft", "flagged", "ignored", "rejected", "untouched"];

export function time(seconds) {
  if (seconds < 60) return `${seconds.toFixed(0)} s`;
  if (seconds < 5400) return `${(seconds / 60).toFixed(0)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}

export function drawProgress(counts, total, statistics) {
  const bar = s("svg", {class: "bar", viewBox: "0 0 100 6", preserveAspectRatio: "none"});
  let at = 0;
  for (const state of order) {
    const width = (100 * (counts[state] || 0)) / Math.max(total, 1);
    bar.append(s("rect", {x: at, y: 0, width, height: 6, "data-state": state}));
    at += width;
  }
  const lines = order.filter((state) => counts[state]).map((state) =>
    h("div", {class: "line"}, h("span", {class: "dot", "data-state": state}), stateNames[state], h("span", {class: "count"}, String(counts[state]))));
  const rest = (counts.untouched || 0) + (counts.draft || 0);
  const e = statistics?.effort;
  const people = Object.entries(statistics?.people || {});
  const here = people.reduce((sum, [, photos]) => sum + photos, 0);
  const pace = e && here && e.seconds ? e.seconds / here : 0;
  const facts = [];
  if (pace) facts.push(`${pace.toFixed(1)} s of work a photo`, `about ${time(pace * rest)} left`);
  if (e && e.accepted + e.drawn) facts.push(`${e.accepted} of ${e.accepted + e.drawn} boxes were suggestions that were taken`);
  if (people.length > 1) facts.push(people.map(([name, n]) => `${name} ${n}`).join(", "));
  replace($("progress"), bar, ...lines, ...facts.map((fact) => h("p", {class: "quiet"}, fact)));
}

export function drawClasses(classes, numberOf) {
  const most = Math.max(1, ...classes.map((c) => c.boxes));
  replace($("class-statistics"), ...classes.map((c) => {
    const bar = h("span", {class: "amount"});
    bar.style.width = `${(100 * c.boxes) / most}%`;
    bar.style.background = colorOf(numberOf(c.name));
    return h("div", {class: "line class-line"}, h("span", {class: "name"}, c.name), h("span", {class: "track"}, bar), h("span", {class: "count"}, String(c.boxes)));
  }));
}

const phases = {
  waiting: (l) => (l.fresh ? `${l.fresh} of ${l.next_at} newly accepted photos for the next round` : "waits for accepted photos"),
  records: () => "writes records",
  training: (l) => `trains: step ${l.step} of ${l.last_step}${l.loss ? `, loss ${l.loss.toFixed(2)}` : ""}`,
  evaluating: () => "evaluates on the held-out photos",
  exporting: () => "exports the new version",
  failed: (l) => `the last round failed: ${l.message}`,
};

export const phaseText = (learning) => (phases[learning.phase] || (() => learning.phase))(learning);

/** mAP against the number of accepted photos; one point a round. */
function curve(rounds) {
  const [w, h_, left, bottom] = [260, 150, 30, 22];
  const points = rounds.filter((round) => round.map !== undefined);
  const most = Math.max(10, ...rounds.map((round) => round.photos));
  const x = (photos) => left + ((w - left - 8) * photos) / most;
  const y = (map) => h_ - bottom - (h_ - bottom - 8) * Math.max(map, 0);
  const svg = s("svg", {viewBox: `0 0 ${w} ${h_}`, class: "curve", role: "img", "aria-label": "mAP by labelled photos"});
  for (const value of [0, 0.25, 0.5, 0.75, 1])
    svg.append(s("line", {x1: left, x2: w - 8, y1: y(value), y2: y(value), class: "grid"}), s("text", {x: left - 4, y: y(value) + 3, class: "tick end"}, value.toFixed(2)));
  for (const value of [0, Math.round(most / 2), most]) svg.append(s("text", {x: x(value), y: h_ - 8, class: "tick mid"}, String(value)));
  for (const [name, kind] of [["map50", "loose"], ["map", "strict"]]) {
    const known = points.filter((p) => p[name] !== undefined);
    svg.append(s("polyline", {points: known.map((p) => `${x(p.photos)},${y(p[name])}`).join(" "), class: `graph ${kind}`}));
    for (const p of known)
      svg.append(s("circle", {cx: x(p.photos), cy: y(p[name]), r: 3, class: kind, "data-photos": p.photos, "data-value": p[name]},
        s("title", {}, `${p.photos} photos: ${name === "map" ? "mAP" : "mAP at IoU 0.5"} ${p[name].toFixed(3)}`)));
  }
  return svg;
}

export function drawLearning(learning, model) {
  $("learning-panel").hidden = !learning && !model;
  $("learn-now").hidden = !learning;
  const lines = [];
  if (model?.version) lines.push(`version ${model.version} has looked at ${model.done} of ${model.photos} photos`);
  if (model?.loading) lines.push(`loads version ${model.loading}`);
  if (model?.problem) lines.push(`could not be loaded: ${model.problem}`);
  if (model && !model.version && !model.loading) lines.push("there is no detector yet");
  if (learning) lines.push(phaseText(learning));
  const last = learning?.rounds.at(-1);
  if (last?.map !== undefined) lines.push(`mAP ${last.map.toFixed(3)}, at IoU 0.5 ${last.map50?.toFixed(3) ?? "–"}, on ${last.held_out} held-out photos`);
  replace($("learning-state"), ...lines.map((line) => h("p", {class: learning?.phase === "failed" && line.startsWith("the last") ? "bad-text" : "quiet"}, line)));
  const rounds = learning?.rounds || [];
  replace($("curve"), rounds.some((round) => round.map !== undefined) ? curve(rounds) : null,
    rounds.some((round) => round.map !== undefined) ? h("p", {class: "quiet"}, h("span", {class: "key strict"}), "mAP  ", h("span", {class: "key loose"}), "mAP at IoU 0.5, by accepted photos") : null);
}

const kinds = {missing: (d) => `${d.found} without a label`, other_class: (d) => `labelled ${d.labelled}, looks like ${d.found}`, misplaced: (d) => `${d.labelled} does not fit well`, not_found: (d) => `${d.labelled} is not found`};

export function drawDoubts(doubts, hasModel, open) {
  $("review-hint").textContent = !hasModel ? "This needs a detector: start odt label with --model_dir or --checkpoint."
    : doubts.length ? "Where the detector and the labels of accepted photos disagree most. A click goes there." : "The detector has nothing to say against the accepted photos so far.";
  replace($("doubts"), ...doubts.map((d) => h("button", {type: "button", class: "doubt-row", "data-id": d.id, onclick: () => open(d)},
    h("span", {class: "value"}, d.weight.toFixed(2)), h("span", {class: "name"}, kinds[d.kind](d)), h("span", {class: "quiet"}, d.name))));
}
