// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/target.hpp>
#include <odt/serve/page.hpp>

namespace odt::serve {

namespace detail::page {

inline constexpr std::string_view html = R"page(<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>odt serve</title>
<link rel="stylesheet" href="page.css">
<link rel="icon" href="data:,">
<script type="module" src="page.js"></script>
</head>
<body>
<header>
<h1>odt serve</h1>
<label>Model <select id="model"></select></label>
<label>Score above <input id="score" type="range" min="0" max="1" step="0.01" value="0.5"> <output id="above">0.50</output></label>
</header>
<main>
<section id="drop" aria-label="Photo">
<div id="stage" hidden><canvas id="photo"></canvas><svg id="boxes" aria-hidden="true"></svg></div>
<p id="hint">Drop a photo here, or <label class="button">choose one<input id="file" type="file" accept="image/*"></label></p>
</section>
<p id="message" role="status"></p>
<div id="list" hidden><table id="found">
<thead><tr><th>Class</th><th>Score</th><th>Top</th><th>Left</th><th>Bottom</th><th>Right</th></tr></thead>
<tbody></tbody>
</table></div>
<section class="numbers">
<div><h2>Versions</h2><table><thead><tr><th>Model</th><th>Version</th><th>State</th></tr></thead><tbody id="versions"></tbody></table></div>
<div><h2>Latency</h2><p id="latency">no requests yet</p><svg id="histogram" viewBox="0 0 380 130" role="img" aria-label="Histogram of latencies"></svg></div>
<div><h2>Throughput</h2><p id="throughput"></p><svg id="rate" viewBox="0 0 380 80" role="img" aria-label="Images a second, last two minutes"></svg></div>
</section>
</main>
</body>
</html>
)page";

inline constexpr std::string_view css =
    R"page(:root { color-scheme: light dark; --line: #8886; --bar: #2a6fbb; --ink: #1d2a36; --paper: #fff; }
@media (prefers-color-scheme: dark) { :root { --ink: #e3e8ee; --paper: #16191d; --bar: #6ea8e6; } }
* { box-sizing: border-box; }
body { margin: 0; font: 15px/1.45 system-ui, sans-serif; color: var(--ink); background: var(--paper); }
header { display: flex; flex-wrap: wrap; gap: .4rem 1.5rem; align-items: center; padding: .6rem 1rem; border-bottom: 1px solid var(--line); }
h1 { font-size: 1.1rem; margin: 0; }
h2 { font-size: 1rem; margin: 0 0 .3rem; }
main { max-width: 1200px; margin: 0 auto; padding: 1rem; }
#drop { border: 2px dashed var(--line); border-radius: 8px; min-height: 10rem; display: flex; flex-direction: column; align-items: center; justify-content: center; padding: .5rem; }
#drop.over { border-color: var(--bar); }
#stage { position: relative; max-width: 100%; line-height: 0; }
#photo { max-width: 100%; max-height: 70vh; }
#boxes { position: absolute; inset: 0; width: 100%; height: 100%; overflow: hidden; }
#boxes rect { fill: none; stroke-width: 2; vector-effect: non-scaling-stroke; }
#boxes text { font-family: system-ui, sans-serif; font-weight: 600; paint-order: stroke; stroke: #000; stroke-width: 3px; fill: #fff; }
#hint { margin: .6rem; }
.button { text-decoration: underline; cursor: pointer; color: var(--bar); }
.button:focus-within { outline: 2px solid var(--bar); }
#file { position: absolute; opacity: 0; width: 1px; }
#message { min-height: 1.4em; }
#message.bad { color: #d33; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .15rem .6rem .15rem 0; border-bottom: 1px solid var(--line); overflow-wrap: anywhere; }
#list { max-height: 22rem; overflow: auto; }
#found td:not(:first-child), #found th:not(:first-child) { text-align: right; font-variant-numeric: tabular-nums; }
.numbers { display: grid; grid-template-columns: repeat(auto-fit, minmax(18rem, 1fr)); gap: 1.5rem; margin-top: 1.5rem; }
.numbers > div { min-width: 0; }
.numbers svg { width: 100%; height: auto; }
.numbers p { margin: 0; }
svg .bar { fill: var(--bar); }
svg .axis { fill: var(--ink); font: 10px system-ui, sans-serif; }
svg .curve { fill: none; stroke: var(--bar); stroke-width: 2; }
)page";

inline constexpr std::string_view script = R"page(const by = id => document.getElementById(id);
const svg = (name, attributes, text) => {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  return element;
};
const row = (...cells) => {
  const tr = document.createElement("tr");
  for (const cell of cells) tr.append(Object.assign(document.createElement("td"), {textContent: cell}));
  return tr;
};
const hue = number => `hsl(${(number * 137) % 360} 85% 50%)`;
const time = s => s >= 1 ? `${s.toPrecision(2)} s` : s >= 0.001 ? `${(s * 1000).toPrecision(2)} ms` : `${Math.round(s * 1e6)} µs`;

let models = [], result = null, latest = 0;

function say(text, bad = false) {
  by("message").textContent = text;
  by("message").classList.toggle("bad", bad);
}

// The photo as it is seen: upright, and no larger than a request should be.
async function toCanvas(file) {
  const photo = await createImageBitmap(file);
  const scale = Math.min(1, 2000 / Math.max(photo.width, photo.height));
  const canvas = by("photo");
  canvas.width = Math.max(1, Math.round(photo.width * scale));
  canvas.height = Math.max(1, Math.round(photo.height * scale));
  canvas.getContext("2d").drawImage(photo, 0, 0, canvas.width, canvas.height);
  const blob = await new Promise(done => canvas.toBlob(done, "image/jpeg", 0.95));
  const bytes = new Uint8Array(await blob.arrayBuffer());
  let text = "";
  for (let i = 0; i < bytes.length; i += 32768) text += String.fromCharCode(...bytes.subarray(i, i + 32768));
  return btoa(text);
}

async function look(file) {
  const mine = ++latest;
  say("looking…");
  try {
    const b64 = await toCanvas(file);
    by("stage").hidden = false;
    const begin = performance.now();
    const answer = await fetch(`v1/models/${encodeURIComponent(by("model").value)}:predict`,
                               {method: "POST", body: JSON.stringify({instances: [{b64}]})});
    const body = await answer.json();
    if (mine !== latest) return;
    if (!answer.ok) throw new Error(body.error);
    result = body.predictions[0];
    result.seconds = (performance.now() - begin) / 1000;
    draw();
  } catch (wrong) {
    if (mine !== latest) return;
    result = null;
    by("boxes").replaceChildren();
    by("list").hidden = true;
    say(wrong.message || String(wrong), true);
  }
}

function draw() {
  by("above").textContent = Number(by("score").value).toFixed(2);
  if (!result) return;
  const {width, height} = by("photo"), least = Number(by("score").value);
  const names = models.find(m => m.name === by("model").value)?.classes ?? [];
  const boxes = by("boxes"), rows = by("found").tBodies[0];
  boxes.setAttribute("viewBox", `0 0 ${width} ${height}`);
  boxes.replaceChildren();
  rows.replaceChildren();
  const size = Math.max(10, width / 45);
  let best = 0, count = 0;
  for (let i = 0; i < result.num_detections; ++i) {
    const score = result.detection_scores[i], label = result.detection_classes[i];
    best = Math.max(best, score);
    if (!(score > least)) continue;
    ++count;
    const [top, left, bottom, right] = result.detection_boxes[i], name = names[label - 1] ?? `class ${label}`;
    const edge = {x: left * width, y: top * height, width: Math.max(0, right - left) * width,
                  height: Math.max(0, bottom - top) * height};
    boxes.append(svg("rect", {...edge, stroke: hue(label)}));
    const near = edge.x > 0.75 * width;  // the right border: its label ends there
    boxes.append(svg("text", {x: near ? edge.x + edge.width - 3 : edge.x + 3, y: Math.max(size, edge.y + size),
                              "font-size": size, "text-anchor": near ? "end" : "start"},
                     `${name} ${score.toFixed(2)}`));
    rows.append(row(name, score.toFixed(3), Math.round(top * height), Math.round(left * width),
                    Math.round(bottom * height), Math.round(right * width)));
  }
  by("list").hidden = count === 0;
  say(`${count} found in ${time(result.seconds)}` + (count ? "" : `; the best score is ${best.toFixed(2)}`));
}

const rates = [];

function show(overview) {
  const chosen = by("model").value;
  const changed = overview.models.map(m => m.name).join("\n") !== models.map(m => m.name).join("\n");
  models = overview.models;
  if (changed) by("model").replaceChildren(...models.map(m => new Option(m.name, m.name, false, m.name === chosen)));
  by("versions").replaceChildren(...models.flatMap(m => m.versions.map(
      v => row(m.name, v.version, v.state.toLowerCase() + (v.message ? `: ${v.message}` : "")))));
  const {latency, p50, p99, requests, failed, per_second} = overview.metrics;
  if (requests > 0)
    by("latency").textContent = `${requests} requests, half within ${time(p50)}, 99 of 100 within ${time(p99)}` +
        (failed ? `; ${failed} failed` : "");
  const first = latency.counts.findIndex(c => c > 0), last = latency.counts.findLastIndex(c => c > 0);
  const bars = latency.counts.slice(Math.max(0, first), last + 1), most = Math.max(1, ...bars);
  const wide = Math.min(60, 380 / Math.max(1, bars.length));
  by("histogram").replaceChildren(...bars.flatMap((count, i) => {
    const tall = 100 * count / most, bound = latency.bounds[Math.max(0, first) + i];
    return [svg("rect", {class: "bar", x: i * wide + 1, y: 108 - tall, width: wide - 2, height: tall}),
            svg("text", {class: "axis", x: i * wide + wide / 2, y: 122, "text-anchor": "middle"},
                bound === undefined ? "more" : time(bound))];
  }));
  rates.push(per_second);
  if (rates.length > 60) rates.shift();
  const top = Math.max(1, ...rates);
  by("throughput").textContent = `${per_second.toFixed(1)} images a second, ${overview.metrics.images} in all`;
  by("rate").replaceChildren(svg("polyline", {class: "curve",
    points: rates.map((r, i) => `${(i * 380 / 59).toFixed(1)},${(76 - 70 * r / top).toFixed(1)}`).join(" ")}));
}

async function refresh() {
  try {
    const answer = await fetch("odt/overview");
    if (answer.ok) show(await answer.json());
  } catch {
    say("the server does not answer", true);
  }
  setTimeout(refresh, document.hidden ? 10000 : 2000);
}

const drop = by("drop");
for (const name of ["dragenter", "dragover"])
  drop.addEventListener(name, event => { event.preventDefault(); drop.classList.add("over"); });
for (const name of ["dragleave", "drop"])
  drop.addEventListener(name, event => { event.preventDefault(); drop.classList.remove("over"); });
drop.addEventListener("drop", event => { if (event.dataTransfer.files[0]) look(event.dataTransfer.files[0]); });
by("file").addEventListener("change", event => { if (event.target.files[0]) look(event.target.files[0]); });
document.addEventListener("paste", event => { if (event.clipboardData.files[0]) look(event.clipboardData.files[0]); });
by("score").addEventListener("input", draw);
refresh();
)page";

}  // namespace detail::page

ODT_INLINE std::optional<http::response> page_part(std::string_view path) {
  const auto part = [](std::string_view type, std::string_view text) {
    return http::response{.type = str(type, "; charset=utf-8"), .body = std::string(text)};
  };
  if (path == "/") return part("text/html", detail::page::html);
  if (path == "/page.css") return part("text/css", detail::page::css);
  if (path == "/page.js") return part("text/javascript", detail::page::script);
  return std::nullopt;
}

}  // namespace odt::serve
