// What a screen reader is told of the changes that others make: not more than it can say.
import { $ } from "./dom.js";
import { short } from "./json.js";
import { onSeen } from "./seen.js";

const GAP = 3000; // ms between two announcements; what comes meanwhile is told together

let waiting = [];
let timer;

function say() {
  timer = undefined;
  if (!waiting.length) return;
  $("announce").textContent = waiting.length > 1 ? `${waiting.length} changes; the last: ${waiting.at(-1)}` : waiting[0];
  waiting = [];
  timer = setTimeout(say, GAP);
}

export function announce(text) {
  waiting.push(text);
  if (!timer) say();
}

onSeen(({ by, change }) => {
  if (!change || by === "you") return; // who wrote it knows
  const set = [...change.set].map(([key, value]) => `${key} is now ${short(JSON.stringify(value))}`);
  const what = [...set, ...change.deleted.map((key) => `${key} is gone`)];
  if (what.length) announce(`${what.join(", ")}, by ${by}`);
});
