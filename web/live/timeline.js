import { $, announce, el, problem } from "./dom.js";
import { firstFrame, session } from "./connection.js";

const TIMELINE_LENGTH = 200;
const short = (text) => (text.length > 60 ? `${text.slice(0, 59)}…` : text);

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
export let joined = ""; // the session we were in
let continues; // the one that ours absorbed

function resumed() {
  const how = firstFrame ?? {};
  const { version = session.getSnapshot().version } = how;
  if (!joined) return [`Connected to the session at version ${version}.`];
  const seconds = downSince ? ((performance.now() - downSince) / 1000).toFixed(1) : "0";
  if (session.id !== joined) {
    const same = (how.continues ?? continues) === joined;
    return [same ? `Back after ${seconds} s: the session goes on under another name.` : `Back after ${seconds} s, in a new session.`];
  }
  if (!firstFrame) return [`Back after ${seconds} s, at version ${version}. No WebSocket gets through: this is an event stream.`];
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

/** Waits for a write; what is refused is said, and stays in the timeline. */
export async function attempt(what, write) {
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
