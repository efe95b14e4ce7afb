// For networks that let no WebSocket through: what seshd.js loads then, and takes for one. News come by
// GET /session/events, writes go by POST /session; the queue, the ids and what is shown stay in seshd.js.
//
// Over HTTP/1.1 a browser has six connections to a host, for all its tabs together. So a hidden tab holds no stream, and of
// those that are seen four do: the others ask now and then. No tab has more than one POST under way.

const STREAMS = 4;
const POLL = 2e3;
const POST_WAIT = 30e3;
const BRIEF = 5e3; // what ended sooner than that would end again
const TRY_SOCKET = 300e3;

// How a WebSocket is closed where HTTP says this of the session, not of one write (docs/PROTOCOL.md).
const CLOSES = {
  restarting: 1012,
  rotated: 4001,
  other_session: 4001,
  destroyed: 4002,
  logged_out: 4002,
  no_such_session: 4002,
  expired: 4003,
  too_many_tabs: 4229,
  unavailable: 4253,
  stale_cookie: 4253,
};

const field = (event, name) => event.match(new RegExp(`^${name}: (.*)$`, "m"))?.[1];
const hidden = () => globalThis.document?.hidden;

// What a problem says, also one that a proxy gave in its own words.
const read = async (res) => ({ code: res.status == 413 ? "too_large" : undefined, ...(await res.json().catch(() => {})) });

// Runs what holds a stream, if there is a place for it. Says whether there was. (Plain HTTP has no locks.)
const place = async (use) => {
  const { locks } = navigator;
  const within = async (lock) => lock && (await use(), true);
  if (!locks) return within(true);
  for (let i = 0; i < STREAMS; i++) if (await locks.request("seshd-events-" + i, { ifAvailable: true }, within)) return true;
};

/** A class to be used like WebSocket, with the same URL, that sends its requests by fetch. */
export const over = (fetch) =>
  class {
    constructor(url) {
      return connection(url, fetch);
    }
  };

const connection = (socketURL, fetch) => {
  const url = new URL(socketURL.replace("ws", "http"));
  const { origin, searchParams } = url;
  const client = searchParams.get("client");
  let [id, version] = searchParams.get("since").split(":");
  let watch; // the abort of what brings news; none in a hidden tab
  let streams, alive; // it is a stream, and has said something since it was last asked for a sign of life
  let heard = false; // anything, and so which session this connection is of
  let newest = 0; // of the versions that answers told of
  const lines = []; // to be posted; the first may be under way
  let posting = false;
  let probe, probed = performance.now();

  const ask = (path, options) => fetch(new URL(path, url), { credentials: "include", cache: "no-store", ...options });
  const tell = (data) => socket.onmessage?.({ data });
  const say = (frame) => tell(JSON.stringify(frame));
  const end = (code) => {
    if (socket.readyState == 3) return;
    socket.close();
    socket.onclose?.({ code });
  };
  const refused = ({ code, detail: message }) => {
    const limit = code == "rate_limited"; // on new sessions, where it is no answer to a write
    if (CLOSES[code] || limit) say({ type: "bye", code, message });
    end(limit ? 4229 : (CLOSES[code] ?? 1006));
  };
  // In the middle of a connection the session does not become another one: the next connection finds out what it is.
  const follows = (next) => {
    const [nextId, nextVersion] = next.split(":");
    if (heard && nextId != id) return end(4001);
    heard = true;
    id = nextId;
    version = nextVersion;
    newest = Math.max(newest, version);
    return true;
  };

  const nothingNew = () => {
    heard = true;
    say({ type: "change", from: +version, version: +version, set: {}, delete: [] });
  };

  const rest = () => {
    watch?.abort();
    watch = null;
    streams = alive = false;
  };
  const follow = async () => {
    rest();
    const mine = (watch = new AbortController());
    if ((await place(() => listen(mine))) || watch != mine) return;
    await look().catch(() => end(1006));
    setTimeout(() => watch == mine && follow(), POLL);
  };
  const listen = async (mine) => {
    if (watch != mine) return;
    const began = performance.now();
    let came;
    streams = true;
    try {
      const res = await ask("session/events", { headers: { "Last-Event-ID": `${id}:${version}` }, signal: mine.signal });
      if (!res.ok) {
        const problem = await read(res);
        if (watch == mine) refused(problem);
        return;
      }
      const reader = res.body.pipeThrough(new TextDecoderStream()).getReader();
      let text = "";
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        alive = true;
        const parts = (text + value).split("\n\n");
        text = parts.pop();
        for (const event of parts) {
          const data = field(event, "data");
          if (!data) continue; // a comment
          const bye = field(event, "event") == "bye" && JSON.parse(data);
          if (!bye && !follows(field(event, "id"))) return;
          came = true;
          tell(data);
          if (bye) end(CLOSES[bye.code] ?? 1006);
          if (watch != mine) return;
        }
      }
    } catch {
      // Cut, by the network or by us.
    }
    if (watch != mine) return;
    if (came && performance.now() - began > BRIEF) follow(); // some proxies let no answer take long
    else end(1006);
  };

  // For a tab without a stream.
  const look = async () => {
    const before = newest;
    const headers = { "Session-Id": id, "If-None-Match": `"${id}:${version}"` };
    const res = await ask("session", { headers, signal: AbortSignal.timeout(POST_WAIT) });
    const body = await read(res);
    if (socket.readyState == 3 || streams) return;
    if (body.version < newest && before < newest) return; // a later answer was faster
    if (res.status == 304) nothingNew();
    else if (!res.ok) refused(body);
    else if (follows(`${body.id}:${body.version}`)) say({ type: "session", ...body });
  };

  const post = async (line) => {
    const frame = JSON.parse(line);
    const res = await ask("session", {
      method: "POST",
      headers: { "Content-Type": "application/json", "Idempotency-Key": `${client}:${frame.id}`, "Session-Id": id },
      body: line,
      // It arrives also if the page goes now. Browsers let only 64 KiB of such be under way, and some none that they
      // have to ask another origin about.
      keepalive: line.length < 2e4 && origin == globalThis.location?.origin,
      signal: AbortSignal.timeout(POST_WAIT),
    });
    const body = await read(res);
    if (socket.readyState == 3) return;
    // A server that fails has perhaps written it: sent again, it is written once.
    if (res.ok ? !(body.version >= 0) : !body.code || res.status >= 500 || CLOSES[body.code]) return refused(body);
    lines.shift();
    newest = Math.max(newest, body.version ?? 0);
    const ahead = () => !streams && body.version > version;
    if (body.code == "conflict" && ahead()) await look();
    if (res.ok) say({ type: "ok", id: frame.id, version: body.version, duplicate: body.duplicate });
    else say({ type: "error", id: frame.id, code: body.code, message: body.detail, version: body.version });
    if (!lines.length && ahead()) await look();
  };
  const work = async () => {
    if (posting) return;
    posting = true;
    try {
      while (lines.length && socket.readyState == 1) await post(lines[0]);
    } catch {
      end(1006);
    }
    posting = false;
  };

  // Now and then it may be that WebSockets get through after all.
  const trySocket = () => {
    if (hidden() || performance.now() - probed < TRY_SOCKET) return;
    probed = performance.now();
    probe = new WebSocket(socketURL);
    probe.onmessage = () => {
      probe.close();
      if (!lines.length) end(1012);
    };
  };

  const turned = () => {
    if (hidden()) rest();
    else if (!watch) follow();
    trySocket();
  };

  const socket = {
    readyState: 1,
    onmessage: null,
    onclose: null,
    send(line) {
      const { get, ping } = JSON.parse(line);
      if (get) version = ""; // the whole session
      if (ping && alive) {
        alive = false;
        say({ type: "pong" });
      } else if ((get || ping) && !hidden()) follow(); // its first frame tells more than a pong
      else if (get || ping) look().catch(() => end(1006));
      else {
        lines.push(line);
        work();
      }
    },
    /** A POST that is under way goes on: it may be the last thing that a page does. */
    close() {
      socket.readyState = 3;
      globalThis.removeEventListener?.("visibilitychange", turned);
      probe?.close();
      rest();
    },
  };

  globalThis.addEventListener?.("visibilitychange", turned);
  if (hidden()) Promise.resolve().then(nothingNew); // seshd.js has read the session just now
  else follow();
  return socket;
};
