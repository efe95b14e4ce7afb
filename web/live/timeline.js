// The timeline: what this tab has seen, newest first.
import { $ } from "./dom.js";
import { line } from "./line.js";
import { isKept, onSeen } from "./seen.js";

const lines = []; // { moment, item }, oldest first
let waiting = []; // moments that came while it was paused
let missed = 0; // of those, no longer kept
let paused = false;

function show(moment) {
  const item = line(moment);
  lines.push({ moment, item });
  $("timeline").prepend(item);
}

function forgetOld() {
  while (lines.length && !isKept(lines[0].moment)) lines.shift().item.remove();
}

function showPause() {
  $("pause").setAttribute("aria-pressed", paused);
  $("waiting").hidden = !paused;
  const count = missed + waiting.length;
  const kept = missed ? ` (the last ${waiting.length} are kept)` : "";
  $("waiting").textContent = `Paused: ${count} ${count === 1 ? "line waits" : "lines wait"}${kept}.`;
}

onSeen((moment) => {
  if (!paused) {
    show(moment);
    forgetOld();
    return;
  }
  waiting.push(moment);
  if (!isKept(waiting[0])) {
    waiting.shift();
    missed++;
  }
  showPause();
});

$("pause").addEventListener("click", () => {
  paused = !paused;
  if (!paused) {
    waiting.forEach(show);
    forgetOld();
    waiting = [];
    missed = 0;
  }
  showPause();
});
