import { $ } from "./dom.js";
import { session } from "./connection.js";
import { showFigures } from "./figures.js";
import { showKeys } from "./keys.js";
import { write } from "./writes.js";
import "./announce.js";
import "./back.js";
import "./link.js";
import "./tabs.js";
import "./ticket.js";
import "./timeline.js";

function showFruit() {
  const { fruit } = session.getSnapshot().data;
  const known = ["cherries", "blueberries"].includes(fruit);
  document.documentElement.dataset.fruit = fruit === undefined ? "none" : known ? fruit : "other";
  $("fruit").textContent = fruit === undefined ? "none yet" : typeof fruit === "string" ? fruit : JSON.stringify(fruit);
  for (const button of document.querySelectorAll("button[data-fruit]")) {
    button.classList.toggle("chosen", button.dataset.fruit === fruit);
  }
}

for (const button of document.querySelectorAll("button[data-fruit]")) {
  const { fruit } = button.dataset;
  button.addEventListener("click", () => write(`set fruit to ${fruit}`, { set: { fruit } }));
}
$("clear").addEventListener("click", () => write("clear the session", { clear: true }));

function show() {
  showFigures();
  showFruit();
  showKeys();
}
session.subscribe(show);
show();
