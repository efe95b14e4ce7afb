import { open } from "/seshd.js";
import { $ } from "./dom.js";
import { socket, stayOffline, watchedFetch, WatchedSocket } from "./wire.js";

export const session = open({ url: "/", WebSocket: WatchedSocket, fetch: watchedFetch });

// Where no WebSocket gets through there is no socket; a page that goes lets go of what it has.
const blocked = () => session.getSnapshot().status === "live" && socket?.readyState !== WebSocket.OPEN;
const letGo = () => (blocked() ? dispatchEvent(new Event("pagehide")) : socket?.close());
const comeBack = () => dispatchEvent(new Event("online")); // what a browser says when the network is back

$("cut").addEventListener("click", () => {
  const byHand = blocked();
  letGo();
  if (byHand) comeBack();
});
$("offline").addEventListener("click", () => {
  const off = $("offline").getAttribute("aria-pressed") !== "true";
  $("offline").setAttribute("aria-pressed", off);
  stayOffline(off);
  if (off) letGo();
  else comeBack();
});
