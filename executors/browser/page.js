// The page: holds the connection to the runner, lets the executor answer, and shows how far the run is.

import { Executor } from "./executor.js";

/// Why the runner closed a connection; see executors/src/browser/socket.rs.
const CLOSED = { over: 1000, broken: 1008, reload: 4001, occupied: 4009 };
/// Time between attempts to connect.
const PAUSE_MS = 500;
/// Attempts before the page says that the runner is gone; it goes on trying, less often.
const ATTEMPTS = 20;

const part = (id) => document.getElementById(id);
const show = (id, text) => (part(id).textContent = text);

const state = { over: false, attempts: 0, samples: 0, rows: 0 };

/// What is going on, in a sentence. `kind` is how it is shown.
function say(kind, text) {
  const place = part("state");
  place.dataset.kind = kind;
  if (place.textContent !== text) place.textContent = text;
}

function cell(tag, text, name) {
  const made = document.createElement(tag);
  made.textContent = text;
  if (name) made.className = name;
  if (tag === "th") made.scope = "row";
  return made;
}

function addRow({ case: key, device, status, text }, ownDevice) {
  const line = document.createElement("tr");
  const others = device === ownDevice ? "" : ` on ${device}`;
  line.append(cell("th", key + others), cell("td", status, status === "ok" ? "good" : "other"), cell("td", text));
  part("rows").prepend(line);
  state.rows += 1;
}

/// News of the runner that need no answer.
function tell({ progress, rows, all }) {
  if (all) {
    part("rows").replaceChildren();
    state.rows = 0;
  }
  for (const row of rows) addRow(row, state.name);
  part("results").hidden = state.rows === 0;
  const known = progress.total > 0;
  part("bar").hidden = !known;
  if (!known) return;
  part("bar").max = progress.total;
  part("bar").value = progress.at;
  show("count", `${progress.at} of ${progress.total}`);
  if (progress.case && !state.over) show("case", progress.case);
}

/// What a request says of the run.
function follow(request) {
  if (request.request === "prepare") {
    show("case", request.case);
    state.samples = 0;
  }
  if (request.request === "sample") state.samples += 1;
  show("samples", state.samples > 0 ? String(state.samples) : "none yet");
}

async function keepAwake() {
  try {
    await navigator.wakeLock?.request("screen");
  } catch {
    // A screen that may not be kept on does not matter.
  }
}

function connect(executor) {
  const socket = new WebSocket(`ws://${location.host}/socket`);
  // Requests come one at a time: the next one follows the answer.
  socket.addEventListener("open", () => {
    state.attempts = 0;
    say("busy", "Connected. Keep this tab open and in front while the run goes on.");
    keepAwake();
  });
  socket.addEventListener("message", async ({ data }) => {
    let message;
    try {
      message = JSON.parse(data);
    } catch (error) {
      message = { unreadable: error.message };
    }
    if (message?.progress) return tell(message);
    // Whatever else comes is a request, and has one answer.
    const request = message !== null && typeof message === "object" ? message : {};
    follow(request);
    if (request.request === "bye") finish();
    const response = await executor.handle(request);
    if (response.response === "error") show("problem", response.reason);
    if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(response));
  });
  socket.addEventListener("close", ({ code }) => {
    if (state.over || code === CLOSED.over) return finish();
    if (code === CLOSED.reload) return location.reload();
    // Work that was under way is of no use any more, and handles neither.
    if (code === CLOSED.broken || state.samples > 0) return setTimeout(() => location.reload(), PAUSE_MS);
    state.attempts += 1;
    const gone = state.attempts > ATTEMPTS;
    say(gone ? "ended" : "waiting", gone ? "The runner does not answer: it has ended, or another page is connected to it." : "Connecting …");
    setTimeout(() => connect(executor), gone ? 10 * PAUSE_MS : PAUSE_MS);
  });
}

function finish() {
  state.over = true;
  say("ended", "The run is over. The results are where portamark was started; this tab can be closed.");
  show("case", "none");
}

/// A problem that no run can begin with is shown as well as told to the runner.
async function start() {
  // The token is spent: what remains in the address bar should open the page again.
  history.replaceState(null, "", "/");
  const response = await fetch("/writers.json", { credentials: "same-origin" });
  const executor = new Executor(await response.json());
  try {
    const { id, name, features, limits } = await executor.capabilities();
    state.name = name;
    show("adapter", id.replace(/^webgpu\//, "").replace("/", ", "));
    const list = [...features, `bindings of ${Math.round(limits.binding_bytes / 1e6)} MB`];
    show("features", list.join(", "));
  } catch (error) {
    show("adapter", "none");
    show("problem", error.message);
  }
  connect(executor);
}

start().catch((error) => say("ended", `The page cannot start: ${error.message}`));
