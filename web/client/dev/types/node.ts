// In Node: no types of a browser, and the WebSocket is given.
import { open } from "seshd";
import { WebSocket as Ws } from "ws";

let cookie = "";
open({
  url: "http://localhost:8000/",
  WebSocket: class extends Ws {
    constructor(url: string) {
      super(url, { headers: { cookie } });
    }
  },
  fetch: async (url, options) => {
    const res = await fetch(url, { ...options, headers: { ...options.headers, cookie } });
    cookie = res.headers.getSetCookie()[0]?.split(";")[0] ?? cookie;
    return res;
  },
});
open({ WebSocket: Ws });
open({ WebSocket: globalThis.WebSocket, fetch: globalThis.fetch });
