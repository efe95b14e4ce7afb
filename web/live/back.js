// Looking back: the keys as this tab saw them at a moment. To look at only; the session and its table go on beneath.
import { $, clock, el } from "./dom.js";
import { session } from "./connection.js";
import { spaced } from "./json.js";
import { neighbour, onSeen } from "./seen.js";

let shown; // the moment that is looked at, if one is
let opener; // what had the focus before

function row([key, value], { before, set } = {}) {
  const old = before?.get(key);
  const touched = set?.has(key) ? { class: "touched" } : {};
  const was = touched.class && el("p", { class: "quiet was" }, old === undefined ? "new here" : `before: ${spaced(old)}`);
  return el("tr", touched, el("th", { scope: "row" }, key), el("td", {}, el("code", { class: "value" }, spaced(value)), was || ""));
}

const goneRow = (key, before) =>
  el("tr", { class: "touched" }, el("th", { scope: "row" }, el("del", {}, key)), el("td", {}, el("p", { class: "quiet was" }, `deleted here; before: ${spaced(before.get(key))}`)));

function show() {
  const { state, change, at } = shown;
  const elsewhere = state.id === session.id ? "" : " of the session before this one";
  $("past-title").replaceChildren(`Version ${state.version}${elsewhere}, as this tab saw it at `, clock(at));
  const gone = (change?.deleted ?? []).map((key) => goneRow(key, change.before));
  $("past-rows").replaceChildren(...[...state.data].sort(([a], [b]) => (a < b ? -1 : 1)).map((entry) => row(entry, change)), ...gone);
  $("past-empty").hidden = $("past-rows").childElementCount > 0;
  showSteps();
}

function showSteps() {
  if (!shown) return;
  for (const [id, direction] of [["earlier", -1], ["later", 1]]) $(id).setAttribute("aria-disabled", !neighbour(shown, direction));
}

function step(direction) {
  const next = neighbour(shown, direction);
  if (!next) return;
  shown = next;
  show();
}

function view(past) {
  document.documentElement.dataset.view = past ? "past" : "now";
  $("now").hidden = past;
  $("past").hidden = !past;
}

/** Shows the keys at a moment; `from` is what gets the focus back at the end. */
export function lookBack(moment, from) {
  shown = moment;
  opener = from;
  show();
  view(true);
  $("past-title").focus();
}

function backToNow() {
  shown = undefined;
  view(false);
  if (opener.isConnected) opener.focus();
  else $("keys").focus();
}

$("earlier").addEventListener("click", () => step(-1));
$("later").addEventListener("click", () => step(1));
$("back-to-now").addEventListener("click", backToNow);
$("past").addEventListener("keydown", (event) => event.key === "Escape" && backToNow());
onSeen(showSteps);
