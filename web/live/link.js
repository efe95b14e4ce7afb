// The connection's own moments: lost, back, refused.
import { session } from "./connection.js";
import { confirmed } from "./changes.js";
import { add } from "./seen.js";
import { firstFrame } from "./wire.js";

let joined = ""; // the session we were in
let continues; // the one that ours absorbed
let downSince = 0;

session.on("change", (frame) => {
  if (frame.type === "session") continues = frame.continues ?? continues;
});

function resumed() {
  const how = firstFrame ?? {};
  const { version = session.getSnapshot().version } = how;
  if (!joined) return `Connected to the session at version ${version}.`;
  const seconds = downSince ? ((performance.now() - downSince) / 1000).toFixed(1) : "0";
  if (session.id !== joined) {
    const same = (how.continues ?? continues) === joined;
    return same ? `Back after ${seconds} s: the session goes on under another name.` : `Back after ${seconds} s, in a new session.`;
  }
  if (!firstFrame) return `Back after ${seconds} s, at version ${version}. No WebSocket gets through: this is an event stream.`;
  if (how.type === "session") return `Back after ${seconds} s, with the whole session at version ${version}.`;
  if (how.from === version) return `Back after ${seconds} s, resumed at version ${version}: nothing was missed.`;
  return `Back after ${seconds} s, resumed: one change from version ${how.from} to ${version}.`;
}

session.on("status", (status) => {
  if (status === "live") {
    const waited = session.getSnapshot().pending;
    const sending = waited ? ` Sending ${waited} ${waited === 1 ? "write" : "writes"} that waited.` : "";
    add({ by: "link", text: resumed() + sending, state: confirmed() });
    joined = session.id;
    downSince = 0;
  } else if (status !== "connecting" && !downSince) {
    downSince = performance.now();
    add({ by: "link", text: status === "closed" ? "Closed for good." : "Connection lost. Writes wait here until it is back." });
  }
});
session.on("bye", (bye) => add({ by: "link", text: `The server says goodbye: ${bye.code}. ${bye.message ?? ""}` }));
