import { $ } from "./dom.js";
import { session, wire } from "./connection.js";
import { showRows } from "./keys.js";
import { attempt } from "./timeline.js";
import "./ticket.js";

const root = document.documentElement;

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

for (const button of document.querySelectorAll("button[data-fruit]")) {
  const { fruit } = button.dataset;
  button.addEventListener("click", () => attempt(`set fruit to ${fruit}`, session.set("fruit", fruit)));
}
$("clear").addEventListener("click", () => attempt("clear the session", session.clear()));

session.subscribe(render);
render();
setInterval(() => {
  // The end of the session moves with its use, and is told only with the whole session.
  if (!document.hidden && session.getSnapshot().status === "live") wire.send('{"get":true}');
  showExpiry();
}, 60_000);
