// What goes over the wire, looked at on its way.

export let socket; // of the moment
export let firstFrame; // of that socket, if one speaks: how the server took us back
export let client; // under which name the server knows this tab
export let roundTrip; // ms from the last write to its ok

let offline = false;
export const stayOffline = (on) => (offline = on);

export class WatchedSocket extends WebSocket {
  #sent = new Map(); // id of a write → when it went

  constructor(url) {
    client = new URL(url).searchParams.get("client");
    if (offline) throw new Error("kept offline");
    super(url);
    firstFrame = undefined;
    socket = this;
    this.addEventListener("message", (event) => this.#note(JSON.parse(event.data)));
  }

  send(line) {
    const { id } = JSON.parse(line);
    if (id) this.#sent.set(id, performance.now());
    super.send(line);
  }

  #note(frame) {
    if (this !== socket) return;
    firstFrame ??= frame;
    if (frame.type === "ok" && this.#sent.has(frame.id)) roundTrip = performance.now() - this.#sent.get(frame.id);
    if (frame.type === "ok" || frame.type === "error") this.#sent.delete(frame.id);
  }
}

/** Where no WebSocket gets through, a write is a POST and its ok the answer. */
export async function watchedFetch(url, options) {
  const began = performance.now();
  const answer = await fetch(url, options);
  if (options?.method === "POST" && answer.ok) roundTrip = performance.now() - began;
  return answer;
}
