import { open } from "/seshd.js";
import { $ } from "./dom.js";

export let wire; // the socket of the moment
export let firstFrame; // of this socket: how the server resumed us
let stayOffline = false;

class Watched extends WebSocket {
  constructor(url) {
    if (stayOffline) throw new Error("kept offline");
    super(url);
    wire = this;
    const noted = (event) => (firstFrame = JSON.parse(event.data));
    this.addEventListener("message", noted, { once: true });
  }
}

export const session = open({ url: "/", WebSocket: Watched });

$("cut").addEventListener("click", () => wire?.close());
$("offline").addEventListener("click", () => {
  stayOffline = !stayOffline;
  $("offline").setAttribute("aria-pressed", stayOffline);
  if (stayOffline) wire?.close();
  else dispatchEvent(new Event("online")); // what a browser says when the network is back
});
