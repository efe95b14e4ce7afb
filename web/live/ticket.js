import { $, announce, problem } from "./dom.js";
import { session } from "./connection.js";

let countdown;

$("ticket").addEventListener("click", async () => {
  try {
    const answer = await fetch("/session/ticket", { method: "POST", headers: { "Session-Id": session.id ?? "" } });
    const body = await answer.json();
    if (!answer.ok) throw new Error(body.detail ?? body.title);
    problem("");
    showTicket(body);
  } catch (error) {
    problem(`No ticket: ${error.message}`);
  }
});

function showTicket({ url, expires_in: seconds }) {
  $("ticket-line").textContent = `wscat -c '${url.replaceAll("'", "'\\''")}'`;
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

for (const button of document.querySelectorAll("[data-copy]")) {
  button.addEventListener("click", async () => {
    const source = $(button.dataset.copy);
    try {
      await navigator.clipboard.writeText(source.textContent);
      button.textContent = "Copied";
    } catch {
      // No clipboard on plain HTTP: then the line is selected, ready for the copy key.
      getSelection().selectAllChildren(source);
      button.textContent = "Selected";
    }
    setTimeout(() => (button.textContent = "Copy"), 1500);
  });
}
