import { $, el } from "./dom.js";
import { session } from "./connection.js";
import { attempt, joined } from "./timeline.js";

const rows = new Map(); // key → { row, text, cell }

export function showRows(data) {
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
