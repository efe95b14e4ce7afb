import { open } from "/seshd.js";

const $ = (id) => document.getElementById(id);
const root = document.documentElement;
const TIMELINE_LENGTH = 200;

/** An element with attributes and children; strings become text, so data is never markup. */
function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") node.addEventListener(name, value);
    else node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

// ---- the connection, and a hand on it

let wire; // the socket of the moment
let firstFrame; // of this socket: how the server resumed us
let stayOffline = false;

class Watched extends WebSocket {
  constructor(url) {
    if (stayOffline) throw new Error("kept offline");
    super(url);
    wire = this;
    const noted = (event) => (firstFrame = JSON.parse(event.data));
    this.addEventListener("message", noted, { once: true });
  }
}

const session = open({ url: "/", WebSocket: Watched });

// ---- header and fruit

const announce = (text) => ($("announce").textContent = text);
const problem = (text) => {
  $("problem").textContent = text;
  $("problem").hidden = !text;
};

function showFruit(value) {
  const known = ["cherries", "blueberries"].includes(value);
  root.dataset.fruit = value === undefined ? "none" : known ? value : "other";
  $("fruit").textContent = value === undefined ? "none yet" : typeof value === "string" ? value : JSON.stringify(value);
  for (const button of document.querySelectorAll("button[data-fruit]")) {
    button.classList.toggle("chosen", button.dataset.fruit === value);
  }
}

function showExpiry() {
  if (!session.expires) return;
  const at = new Date(session.expires);
  const minutes = Math.max(0, Math.round((at - Date.now()) / 60_000));
  const [days, hours] = [Math.floor(minutes / 1440), Math.floor((minutes % 1440) / 60)];
  const parts = days ? [`${days} d`, hours && `${hours} h`] : [hours && `${hours} h`, `${minutes % 60} min`];
  $("expires").textContent = minutes ? `in ${parts.filter(Boolean).join(" ")}` : "within a minute";
  $("expires").dateTime = session.expires;
  $("expires").title = `${at.toLocaleString()}, if nothing happens before`;
}

function render() {
  const { data, version, status, pending, tabs } = session.getSnapshot();
  root.dataset.status = status;
  for (const [id, text] of Object.entries({ status, version, tabs, pending })) {
    if ($(id).textContent !== String(text)) $(id).textContent = text;
  }
  $("session-id").textContent = session.id ?? "…";
  showFruit(data.fruit);
  showExpiry();
  showRows(data);
}

/** Waits for a write; what is refused is said, and stays in the timeline. */
async function attempt(what, write) {
  try {
    await write;
    problem("");
    return true;
  } catch (error) {
    const text = `Not done: ${what} (${error.code}${error.message && error.message !== error.code ? `: ${error.message}` : ""})`;
    problem(text);
    entry("refused", [text]);
    return false;
  }
}

// ---- keys

const rows = new Map(); // key → { row, text, cell }

function showRows(data) {
  for (const [key, { row }] of rows) {
    if (Object.hasOwn(data, key)) continue;
    row.remove();
    rows.delete(key);
  }
  for (const key of Object.keys(data).sort()) {
    const text = JSON.stringify(data[key]);
    const known = rows.get(key);
    if (!known) addRow(key, text);
    else if (known.text !== text) {
      known.text = text;
      known.cell.querySelector(".value")?.replaceChildren(text);
      flash(known.row);
    }
  }
  $("empty").hidden = rows.size > 0;
}

function addRow(key, text) {
  const cell = el("td");
  const edit = el("button", { type: "button", class: "plain edit", "aria-label": `Edit ${key}`, click: () => startEdit(key) }, "Edit");
  const remove = el("button", { type: "button", class: "plain delete", "aria-label": `Delete ${key}`, click: () => removeKey(key) }, "Delete");
  const row = el("tr", { "data-key": key }, el("th", { scope: "row" }, key), cell, el("td", {}, edit, remove));
  rows.set(key, { row, text, cell });
  showValue(key);
  const next = [...$("rows").children].find((other) => other.dataset.key > key);
  $("rows").insertBefore(row, next ?? null);
  if (joined) flash(row); // what was there before us is no news
}

function flash(row) {
  row.classList.remove("flash");
  void row.offsetWidth; // so that the animation starts anew
  row.classList.add("flash");
}

function showValue(key) {
  const { cell, text } = rows.get(key);
  cell.replaceChildren(el("button", { type: "button", class: "value", title: "Edit", click: () => startEdit(key) }, text));
}

function startEdit(key) {
  const { cell, text, row } = rows.get(key);
  if (cell.querySelector("textarea")) return cell.querySelector("textarea").focus();
  const error = el("p", { class: "error", id: "edit-error", role: "alert" });
  const field = el("textarea", { "aria-label": `Value of ${key}, as JSON`, "aria-describedby": "edit-error", spellcheck: "false" });
  field.value = JSON.stringify(JSON.parse(text), null, 2);
  field.rows = Math.min(12, field.value.split("\n").length);
  const end = () => {
    if (!rows.has(key)) return;
    showValue(key);
    cell.querySelector(".value").focus();
  };
  const save = () => {
    const value = parsed(field, error);
    if (value === undefined) return field.focus();
    attempt(`set ${key}`, session.set(key, value));
    end();
  };
  field.addEventListener("input", () => parsed(field, error));
  field.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    if (event.key === "Escape") end();
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      save();
    }
  });
  const buttons = [
    el("button", { type: "button", class: "save", click: save }, "Save"),
    el("button", { type: "button", class: "plain cancel", click: end }, "Cancel"),
    el("span", { class: "quiet" }, "Enter saves, Escape leaves it"),
  ];
  cell.replaceChildren(el("div", { class: "editor" }, field, error, el("div", { class: "row" }, ...buttons)));
  row.classList.remove("flash");
  field.select();
}

/** The value in a field, or undefined with the reason shown. */
function parsed(field, error) {
  const say = (text) => {
    error.textContent = text;
    field.setAttribute("aria-invalid", text !== "");
  };
  try {
    const value = JSON.parse(field.value);
    say("");
    return value;
  } catch {
    const word = /^[\p{L}\d _-]+$/u.test(field.value);
    say(word ? `Not JSON. Text goes in quotes: "${field.value}"` : field.value.trim() ? "Not JSON yet." : "A value is needed, as JSON.");
  }
}

function removeKey(key) {
  const { row } = rows.get(key);
  const neighbour = row.nextElementSibling ?? row.previousElementSibling;
  attempt(`delete ${key}`, session.delete(key));
  (neighbour?.querySelector(".delete") ?? $("new-key")).focus();
}

function keyProblem(key) {
  if (!key) return "A key is needed.";
  if (new TextEncoder().encode(key).length > 128) return "A key has at most 128 bytes.";
  if (/[/\p{Cc}]/u.test(key) || key === "." || key === "..") return "A key has no / and no control characters, and is not . or ..";
  if (key.startsWith("_")) return "Keys that start with _ are private: only the app's own code writes them.";
  return "";
}

$("add-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const [key, field, error] = [$("new-key").value.trim(), $("new-value"), $("add-error")];
  const wrong = keyProblem(key);
  $("new-key").setAttribute("aria-invalid", wrong !== "");
  error.textContent = wrong;
  if (wrong) return $("new-key").focus();
  const value = parsed(field, error);
  if (value === undefined) return field.focus();
  const written = attempt(`set ${key}`, session.set(key, value));
  $("add-form").reset();
  $("new-key").focus();
  if (!(await written) && !$("new-key").value) [$("new-key").value, field.value] = [key, JSON.stringify(value)];
});

for (const button of document.querySelectorAll("button[data-fruit]")) {
  const { fruit } = button.dataset;
  button.addEventListener("click", () => attempt(`set fruit to ${fruit}`, session.set("fruit", fruit)));
}
$("clear").addEventListener("click", () => attempt("clear the session", session.clear()));

// ---- timeline

function entry(by, what, version = "") {
  const now = new Date();
  const item = el(
    "li",
    { "data-by": by },
    el("span", { class: "by" }, by),
    el("span", { class: "what" }, ...what),
    el("span", { class: "when" }, el("span", { class: "version" }, version), el("time", { datetime: now.toISOString() }, now.toLocaleTimeString())),
  );
  $("timeline").prepend(item);
  while ($("timeline").children.length > TIMELINE_LENGTH) $("timeline").lastChild.remove();
}

const short = (text) => (text.length > 60 ? `${text.slice(0, 59)}…` : text);

session.on("change", (change) => {
  if (change.type === "session") continues = change.continues ?? continues;
  if (change.type !== "change") return;
  const [set, gone] = [Object.keys(change.set ?? {}), change.delete ?? []];
  const what = [
    ...set.map((key) => [el("code", {}, key), " ", el("code", { class: "new" }, short(JSON.stringify(change.set[key])))]),
    ...gone.map((key) => [el("code", { class: "gone" }, key)]),
  ].flatMap((parts, i) => (i ? [", ", ...parts] : parts));
  const folded = change.version - change.from > 1;
  const by = change.by ?? (folded ? "several" : "unknown");
  entry(by, what.length ? what : ["nothing a tab may see"], folded ? `v${change.from + 1}–${change.version}` : `v${change.version}`);
  announce([...set.map((k) => `${k} is now ${short(JSON.stringify(change.set[k]))}`), ...gone.map((k) => `${k} is gone`)].join(", ") + `, by ${by}`);
});

let downSince = 0;
let joined = ""; // the session we were in
let continues; // the one that ours absorbed

function resumed() {
  const how = firstFrame ?? {};
  const { version } = how;
  if (!joined) return [`Connected to the session at version ${version}.`];
  const seconds = downSince ? ((performance.now() - downSince) / 1000).toFixed(1) : "0";
  if (session.id !== joined) {
    const same = (how.continues ?? continues) === joined;
    return [same ? `Back after ${seconds} s: the session goes on under another name.` : `Back after ${seconds} s, in a new session.`];
  }
  if (how.type === "session") return [`Back after ${seconds} s, with the whole session at version ${version}.`];
  if (how.from === version) return [`Back after ${seconds} s, resumed at version ${version}: nothing was missed.`];
  return [`Back after ${seconds} s, resumed: one change from version ${how.from} to ${version}.`];
}

session.on("status", (status) => {
  if (status === "live") {
    const waited = session.getSnapshot().pending;
    const sending = waited ? [` Sending ${waited} ${waited === 1 ? "write" : "writes"} that waited.`] : [];
    entry("link", [...resumed(), ...sending]);
    joined = session.id;
    downSince = 0;
  } else if (status !== "connecting" && !downSince) {
    downSince = performance.now();
    entry("link", [status === "closed" ? "Closed for good." : "Connection lost. Writes wait here until it is back."]);
  }
});
session.on("bye", (bye) => entry("link", [`The server says goodbye: ${bye.code}. ${bye.message ?? ""}`]));

$("cut").addEventListener("click", () => wire?.close());
$("offline").addEventListener("click", () => {
  stayOffline = !stayOffline;
  $("offline").setAttribute("aria-pressed", stayOffline);
  if (stayOffline) wire?.close();
  else dispatchEvent(new Event("online")); // what a browser says when the network is back
});

// ---- ticket

let countdown;

$("ticket").addEventListener("click", async () => {
  try {
    const answer = await fetch("/session/ticket", { method: "POST", headers: { "Session-Id": session.id ?? "" } });
    const body = await answer.json();
    if (!answer.ok) throw new Error(body.detail ?? body.title);
    problem("");
    showTicket(body);
  } catch (error) {
    problem(`No ticket: ${error.message}`);
  }
});

function showTicket({ url, expires_in: seconds }) {
  $("ticket-line").textContent = `wscat -c '${url.replaceAll("'", "'\\''")}'`;
  $("ticket-box").hidden = false;
  $("ticket-box").classList.remove("spent");
  $("ticket-bar").max = seconds;
  announce(`The ticket is good for ${seconds} seconds.`);
  const end = performance.now() + seconds * 1000;
  const tick = () => {
    const left = Math.max(0, Math.ceil((end - performance.now()) / 1000));
    $("ticket-bar").value = left;
    $("ticket-left").textContent = left ? `good for ${left} s, once` : "out of time; get another";
    if (left) return;
    clearInterval(countdown);
    $("ticket-box").classList.add("spent");
    announce("The ticket is out of time.");
  };
  clearInterval(countdown);
  countdown = setInterval(tick, 250);
  tick();
}

for (const button of document.querySelectorAll("[data-copy]")) {
  button.addEventListener("click", async () => {
    const source = $(button.dataset.copy);
    try {
      await navigator.clipboard.writeText(source.textContent);
      button.textContent = "Copied";
    } catch {
      // No clipboard on plain HTTP: then the line is selected, ready for the copy key.
      getSelection().selectAllChildren(source);
      button.textContent = "Selected";
    }
    setTimeout(() => (button.textContent = "Copy"), 1500);
  });
}

// ---- start

session.subscribe(render);
render();
setInterval(() => {
  // The end of the session moves with its use, and is told only with the whole session.
  if (!document.hidden && session.getSnapshot().status === "live") wire.send('{"get":true}');
  showExpiry();
}, 60_000);
