// SPDX-License-Identifier: MIT
// The server's interface.

/** What the server refuses: its status and answer. */
export class Refused extends Error {
  constructor(status, body) {
    super(body?.error || `the server answers with ${status}`);
    this.status = status;
    this.body = body;
  }
}

/** No answer at all, or one that can be another one later. */
export class Unreachable extends Error {}

async function ask(method, path, body, options = {}) {
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), options.timeout || 20000);
  let answer;
  let text;
  try {
    answer = await fetch(path, {
      method,
      signal: abort.signal,
      keepalive: options.keepalive,
      headers: body === undefined ? {} : {"Content-Type": "application/json"},
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    text = await answer.text();
  } catch (wrong) {
    throw new Unreachable(String(wrong));
  } finally {
    clearTimeout(timer);
  }
  let json = null;
  try {
    json = JSON.parse(text);
  } catch {
    if (answer.ok) throw new Unreachable("the answer was cut");
  }
  if (answer.ok) return json;
  if (answer.status === 503 || answer.status === 502 || answer.status === 504) throw new Unreachable(`status ${answer.status}`);
  throw new Refused(answer.status, json);
}

export const api = {
  project: () => ask("GET", "/api/project"),
  photos: () => ask("GET", "/api/photos"),
  photo: (id, session) => ask("GET", `/api/photos/${id}?session=${encodeURIComponent(session)}`),
  save: (id, change) => ask("PUT", `/api/photos/${id}`, change),
  lease: (id, body, options) => ask("POST", `/api/photos/${id}/lease`, body, options),
  suggestions: (id) => ask("GET", `/api/photos/${id}/suggestions`),
  doubts: () => ask("GET", "/api/doubts"),
  statistics: () => ask("GET", "/api/statistics"),
  addClass: (name) => ask("POST", "/api/classes", {name}),
  learn: () => ask("POST", "/api/learn", {}),
  imagePath: (id) => `/api/photos/${id}/image`,
};

/** Listens for what others do; `lost` and `found` tell of the connection. */
export function listen(handlers, lost, found) {
  const source = new EventSource("/api/events");
  let open = false;
  for (const [name, act] of Object.entries(handlers))
    source.addEventListener(name, (event) => act(JSON.parse(event.data)));
  source.addEventListener("open", () => {
    if (!open) found();
    open = true;
  });
  source.addEventListener("error", () => {
    if (open) lost();
    open = false;
    // A refusal ends the stream for good; a server that is gone does not.
    if (source.readyState === EventSource.CLOSED) setTimeout(() => listen(handlers, lost, found), 3000);
  });
}
