// The figures in the header.
import { $ } from "./dom.js";
import { session } from "./connection.js";
import { roundTrip, socket } from "./wire.js";

const EXPIRY_REFRESH = 60_000; // ms: as exact as the end is shown

const put = (id, text) => {
  if ($(id).textContent !== String(text)) $(id).textContent = text; // what is set again would be read aloud again
};

function showExpiry() {
  if (!session.expires) return;
  const at = new Date(session.expires);
  const minutes = Math.max(0, Math.round((at - Date.now()) / 60_000));
  const [days, hours] = [Math.floor(minutes / 1440), Math.floor((minutes % 1440) / 60)];
  const parts = days ? [`${days} d`, hours && `${hours} h`] : [hours && `${hours} h`, `${minutes % 60} min`];
  put("expires", minutes ? `in ${parts.filter(Boolean).join(" ")}` : "within a minute");
  $("expires").dateTime = session.expires;
  $("expires").title = `${at.toLocaleString()}, if nothing happens before`;
}

export function showFigures() {
  const { version, status, pending, tabs } = session.getSnapshot();
  document.documentElement.dataset.status = status;
  for (const [id, text] of Object.entries({ status, version, tabs, pending })) put(id, text);
  if (roundTrip !== undefined) put("round-trip", `${roundTrip.toFixed(roundTrip < 10 ? 1 : 0)} ms`);
  $("session-id").textContent = session.id ?? "…";
  showExpiry();
}

setInterval(() => {
  // The end of the session moves with its use, and is told only with the whole session.
  if (!document.hidden && session.getSnapshot().status === "live") socket.send('{"get":true}');
  showExpiry();
}, EXPIRY_REFRESH);
