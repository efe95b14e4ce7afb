// The writes of this tab: which version came of which, and what became of those that were refused.
import { problem } from "./dom.js";
import { session } from "./connection.js";
import { add } from "./seen.js";

let lives = 0; // connections so far
session.on("status", (status) => status === "live" && lives++);

const mine = new Map(); // version → the mutation of ours that led to it, until its change is seen

/**
 * Writes, and waits for the ok. Resolves with what is wrong if it is refused, else with "". The change that comes of it is told
 * before: whoever wants to know whose it is asks `ownWrite` a microtask later.
 */
export async function tryToWrite(what, mutation) {
  const sentIn = session.getSnapshot().status === "live" ? lives : lives + 1;
  try {
    const { version } = await session.apply(mutation);
    if (lives === sentIn) mine.set(version, mutation); // one that was sent twice may be told a later version than its own
    problem("");
    return "";
  } catch (error) {
    const why = error.message && error.message !== error.code ? `${error.code}: ${error.message}` : error.code;
    const text = `Not done: ${what} (${why})`;
    add({ by: "refused", text, mutation });
    return text;
  }
}

/** The same for what has no place of its own to show an error. */
export const write = async (what, mutation) => problem(await tryToWrite(what, mutation));

const named = ({ clear, delete: deleted = [], ...rest }) => (clear ? undefined : new Set([...deleted, ...Object.values(rest).flatMap(Object.keys)]));

/** The mutation of ours that a change is from, if it is. (A write that changes nothing is told the version of somebody else's.) */
export function ownWrite({ version, by, set, deleted }) {
  const mutation = mine.get(version);
  for (const seen of [...mine.keys()].filter((v) => v <= version)) mine.delete(seen);
  if (!mutation || by !== "tab") return undefined;
  const keys = named(mutation);
  return !keys || [...set.keys(), ...deleted].every((key) => keys.has(key)) ? mutation : undefined;
}
