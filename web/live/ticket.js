// Tickets: one connection into this session, from where the cookie is not.
import { $, problem } from "./dom.js";
import { announce } from "./announce.js";
import { connect, wscat } from "./commands.js";
import { session } from "./connection.js";
import { copy } from "./copy.js";

/** A fresh ticket: { ticket, expires_in, url }. */
export async function mint() {
  const answer = await fetch("/session/ticket", { method: "POST", headers: { "Session-Id": session.id ?? "" } });
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.detail ?? body.title);
  return body;
}

let countdown;

$("ticket").addEventListener("click", async () => {
  try {
    showTicket(await mint());
    problem("");
  } catch (error) {
    problem(`No ticket: ${error.message}`);
  }
});

function showTicket({ ticket, url, expires_in: seconds }) {
  $("ticket-line").textContent = wscat(url);
  $("connect-line").textContent = connect(location.origin, ticket);
  $("ticket-box").hidden = false;
  $("ticket-box").classList.remove("spent");
  $("ticket-bar").max = seconds;
  announce(`The ticket is good for ${seconds} seconds.`);
  const end = performance.now() + seconds * 1000;
  const tick = () => {
    const left = Math.max(0, Math.ceil((end - performance.now()) / 1000));
    $("ticket-bar").value = left;
    $("ticket-left").textContent = left ? `good for ${left} s, once` : "out of time; get another";
    if (left) return;
    clearInterval(countdown);
    $("ticket-box").classList.add("spent");
    announce("The ticket is out of time.");
  };
  clearInterval(countdown);
  countdown = setInterval(tick, 250);
  tick();
}

for (const button of document.querySelectorAll("[data-copy]")) button.addEventListener("click", () => copy($(button.dataset.copy), button));
