// The table of keys: what they hold now, and who wrote that.
import { $, el } from "./dom.js";
import { session } from "./connection.js";
import { confirmed } from "./changes.js";
import { Editor } from "./editor.js";
import { offerAgain } from "./add.js";
import { spaced } from "./json.js";
import { onSeen } from "./seen.js";
import { tryToWrite, write } from "./writes.js";

const rows = new Map(); // key → { row, holds, who, text, editor }
let sessionId; // whose keys these are

/** Shows the keys of the session, the writes that still wait included. */
export function showKeys() {
  const data = new Map(Object.entries(session.getSnapshot().data));
  if (session.id !== sessionId) for (const { who } of rows.values()) who.replaceChildren();
  sessionId = session.id;
  for (const key of rows.keys()) if (!data.has(key)) leave(key);
  for (const key of [...data.keys()].sort()) {
    const text = spaced(data.get(key));
    if (!rows.has(key)) addRow(key, text);
    else if (rows.get(key).text !== text) change(key, text);
  }
  showWaiting();
  $("empty").hidden = rows.size > 0;
}

/** Marks what is shown already and not confirmed yet. */
function showWaiting() {
  const { data } = confirmed();
  for (const [key, { row, text }] of rows) row.classList.toggle("waiting", !data.has(key) || text !== spaced(data.get(key)));
}
session.on("change", showWaiting);

function addRow(key, text) {
  const holds = el("div", { class: "holds" });
  const who = el("span", { class: "who" });
  const cell = el("td", {}, el("div", { class: "cell" }, holds, who));
  const edit = el("button", { type: "button", class: "plain edit", "aria-label": `Edit ${key}`, click: () => startEdit(key) }, "Edit");
  const remove = el("button", { type: "button", class: "plain delete", "aria-label": `Delete ${key}`, click: () => removeKey(key) }, "Delete");
  const row = el("tr", { "data-key": key }, el("th", { scope: "row" }, key), cell, el("td", { class: "actions" }, edit, remove));
  rows.set(key, { row, holds, who, text });
  showValue(key);
  const next = [...$("rows").children].find((other) => other.dataset.key > key);
  $("rows").insertBefore(row, next ?? null);
}

function change(key, text) {
  const known = rows.get(key);
  known.text = text;
  if (!known.editor) showValue(key);
}

function leave(key) {
  const known = rows.get(key);
  if (known.editor) {
    known.text = undefined;
    known.editor.meanwhile("Meanwhile it was deleted. Saving writes it again.");
    return;
  }
  known.row.remove();
  rows.delete(key);
}

function showValue(key) {
  const { holds, text } = rows.get(key);
  holds.closest("td").colSpan = 1;
  holds.replaceChildren(el("button", { type: "button", class: "value", title: "Edit", click: () => startEdit(key) }, text));
}

onSeen(({ by, change }) => {
  if (!change) return;
  for (const key of change.set.keys()) {
    const known = rows.get(key);
    if (!known) continue; // deleted again, by a write that waits
    known.who.replaceChildren(el("span", { class: "by", "data-by": by }, by), " ", el("span", { class: "version" }, `v${change.version}`));
    known.editor?.meanwhile(`Meanwhile it became ${known.text}, by ${by}. Saving writes over that.`);
    flash(known.row);
  }
});

function flash(row) {
  row.classList.remove("flash");
  void row.offsetWidth; // so that the animation starts anew
  row.classList.add("flash");
}

function startEdit(key, typed, wrong) {
  const known = rows.get(key);
  if (!known.editor) {
    const text = typed ?? JSON.stringify(JSON.parse(known.text), null, 2);
    known.editor = new Editor(key, text, { save: (value, text) => save(key, value, text), end: () => endEdit(key) });
    known.holds.replaceChildren(known.editor.node);
    known.holds.closest("td").colSpan = 2; // over the actions too
    known.row.classList.remove("flash");
  }
  known.editor.focus(wrong);
}

function endEdit(key) {
  const known = rows.get(key);
  known.editor = undefined;
  if (known.text === undefined) {
    leave(key);
    $("new-key").focus();
    return;
  }
  showValue(key);
  known.holds.querySelector(".value").focus();
}

async function save(key, value, typed) {
  const written = tryToWrite(`set ${key}`, { set: { [key]: value } }); // from here on the row shows it
  endEdit(key);
  const wrong = await written;
  if (!wrong) return;
  if (rows.has(key)) startEdit(key, typed, wrong);
  else offerAgain(key, typed, wrong);
}

function removeKey(key) {
  const { row } = rows.get(key);
  const neighbour = row.nextElementSibling ?? row.previousElementSibling;
  write(`delete ${key}`, { delete: [key] });
  (neighbour?.querySelector(".delete") ?? $("new-key")).focus();
}
