import { open } from "/seshd.js";
import { $ } from "./dom.js";

export let wire; // the socket of the moment
export let firstFrame; // of this socket, if one speaks: how the server resumed us
let stayOffline = false;

class Watched extends WebSocket {
  constructor(url) {
    if (stayOffline) throw new Error("kept offline");
    firstFrame = undefined;
    super(url);
    wire = this;
    const noted = (event) => (firstFrame = JSON.parse(event.data));
    this.addEventListener("message", noted, { once: true });
  }
}

export const session = open({ url: "/", WebSocket: Watched });

// Where no WebSocket gets through there is no wire; a page that goes lets go of what it has.
const blocked = () => session.getSnapshot().status === "live" && wire?.readyState !== WebSocket.OPEN;
const letGo = () => (blocked() ? dispatchEvent(new Event("pagehide")) : wire?.close());
const comeBack = () => dispatchEvent(new Event("online")); // what a browser says when the network is back

$("cut").addEventListener("click", () => {
  const byHand = blocked();
  letGo();
  if (byHand) comeBack();
});
$("offline").addEventListener("click", () => {
  stayOffline = !stayOffline;
  $("offline").setAttribute("aria-pressed", stayOffline);
  if (stayOffline) letGo();
  else comeBack();
});
