// What the server confirmed, as moments: each change with who made it, and the session before and after.
import { session } from "./connection.js";
import { add } from "./seen.js";
import { ownWrite } from "./writes.js";

let state = { id: undefined, version: 0, data: new Map() };

/** The session as the server confirmed it last, without the writes that wait. */
export const confirmed = () => state;

const text = (value) => JSON.stringify(value);

session.on("change", (frame) => {
  const before = state;
  if (frame.type === "change") {
    const set = new Map(Object.entries(frame.set));
    const data = new Map([...before.data, ...set]);
    for (const key of frame.delete) data.delete(key);
    state = { id: before.id, version: frame.version, data };
    tell({ from: frame.from, version: frame.version, by: frame.by, set, deleted: frame.delete, before: before.data });
    return;
  }
  const data = new Map(Object.entries(frame.data));
  state = { id: frame.id, version: frame.version, data };
  if (before.id !== frame.id && before.id !== frame.continues) return; // we are new to it
  const set = new Map([...data].filter(([key, value]) => text(value) !== text(before.data.get(key))));
  const deleted = [...before.data.keys()].filter((key) => !data.has(key));
  if (set.size || deleted.length) tell({ from: before.version, version: frame.version, set, deleted, before: before.data });
});

function tell(change) {
  const now = state;
  queueMicrotask(() => {
    change.mutation = ownWrite(change);
    const by = change.by ?? (change.version - change.from === 1 ? "unknown" : "several");
    add({ by: change.mutation ? "you" : by, change, state: now });
  });
}
