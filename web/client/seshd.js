// A session, live in every tab. API: seshd.d.ts

const MAX_IN_FLIGHT = 64; // the server remembers 64 ids back
const MAX_OFFLINE = 100;

// Snapshots share values with the confirmed state.
const freeze = Object.freeze;
const parse = (text) => JSON.parse(text, (_, value) => freeze(value));
const fail = (code, message = code, more) => Object.assign(new Error(message), more, { code });
const isObject = (v) => v && typeof v == "object" && !Array.isArray(v);

// RFC 7396. Maps: no key meets Object.prototype.
const mergePatch = (target, patch) => {
  if (!isObject(patch)) return patch;
  const out = new Map(isObject(target) ? Object.entries(target) : []);
  for (const [k, v] of Object.entries(patch)) v === null ? out.delete(k) : out.set(k, mergePatch(out.get(k), v));
  return freeze(Object.fromEntries(out));
};

// What a mutation, or a change frame, does.
const edit = (data, mutation) => {
  const out = new Map(mutation.clear ? [] : Object.entries(data));
  const each = (part, fn) => Object.entries(mutation[part] ?? {}).forEach(([k, v]) => fn(k, v, out.get(k)));
  each("delete", (_, k) => out.delete(k));
  each("set", (k, v) => out.set(k, v));
  each("merge", (k, v, old) => (v === null ? out.delete(k) : out.set(k, mergePatch(old, v))));
  each("append", (k, v, old = []) => Array.isArray(old) && out.set(k, freeze(old.concat(v))));
  each("incr", (k, v, old = 0) => typeof old == "number" && out.set(k, old + v));
  return freeze(Object.fromEntries(out));
};

// randomUUID is missing on plain HTTP.
const digit = () => (crypto.getRandomValues(new Uint8Array(1))[0] % 16).toString(16);

// Tabs opened at once begin one session.
const locked = async (fn, result) => {
  const once = () => (result ??= fn());
  try {
    await navigator.locks.request("seshd", { signal: AbortSignal.timeout(3e3) }, once);
  } catch {}
  return once();
};

export const open = ({ url = "/", WebSocket = globalThis.WebSocket, fetch = globalThis.fetch } = {}) => {
  const client = "xxxxxxxx-xxxx-4xxx-axxx-xxxxxxxxxxxx".replace(/x/g, digit);
  const listeners = {};
  const pending = []; // unanswered: sent on this connection, to be sent again, new
  let sent = 0; // of pending
  let lastId = 0;
  let done = []; // answered, not yet in base
  let told = { version: 0, data: freeze({}) }; // by the server, last
  let base = told; // shown, with done and pending on top
  let held = [];
  let status, tabs = 0, snapshot = {}, socket, timer, bye;
  let attempt = 0;
  let turn = 0; // outdates older attempts
  let ask = 1; // for the session first; silent sockets, without restarts
  let updates = Promise.resolve();
  let isReady, notReady;
  const ready = new Promise((...fns) => ([isReady, notReady] = fns));
  ready.catch(() => {});

  const on = (type, fn) => {
    const call = (x) => fn(x);
    (listeners[type] ??= new Set()).add(call);
    return () => listeners[type].delete(call);
  };
  const emit = (type, x) => {
    [...(listeners[type] ?? [])].forEach((fn) => {
      try {
        fn(x);
      } catch (e) {
        Promise.reject(e); // to the console, not to us
      }
    });
  };

  // A change may hold writes of ours whose ok comes later: it waits for that, else an incr would show twice.
  const show = () => {
    const news = [];
    while (held[0] && !(pending[0]?.id <= held[0].sent)) {
      base = held[0].state;
      news.push(held.shift().frame);
    }
    done = done.filter((p) => p.version > base.version);
    const data = [...done, ...pending].reduce((d, p) => edit(d, p.mutation), base.data);
    const next = { data, version: base.version, status, pending: pending.length, tabs };
    if (Object.keys(next).some((k) => next[k] !== snapshot[k])) {
      snapshot = freeze(next);
      emit("");
    }
    news.forEach((frame) => emit("change", frame));
  };
  const become = (next) => {
    if (status != next) {
      status = next;
      show();
      emit("status", next);
    }
  };
  const hold = (frame, state = frame) => {
    told = state;
    held.push({ state, frame, sent: lastId });
  };

  const reject = (...why) => pending.splice(0).forEach((p) => p.no(fail(...why)));
  const forget = () => {
    reject("other_session");
    held = [];
    done = [];
    told = { ...told, id: "" };
  };
  const enter = (frame) => {
    if (told.id && told.id != frame.id && told.id != frame.continues) forget();
    for (const p of done) p.version = Math.min(p.version, frame.version); // a store may go back in time
    tabs = frame.tabs;
    hold(frame);
    isReady();
  };

  const pump = () => {
    // A closing socket grumbles.
    while (status == "live" && !(socket.readyState > 1) && sent < pending.length && sent < MAX_IN_FLIGHT) {
      const p = pending[sent++];
      p.id ??= ++lastId;
      socket.send(JSON.stringify({ ...p.mutation, id: p.id }));
    }
  };
  const answer = (frame) => {
    // In order: without an id it is for the oldest.
    const i = frame.id ? pending.findIndex((p) => p.id == frame.id) : 0;
    // The cookie was replaced: this one goes out on the next socket.
    if (i < 0 || i >= sent || frame.code == "stale_cookie") return;
    const [p] = pending.splice(i, 1);
    sent--;
    if (frame.type == "ok") {
      // Any held frame may hold it: they show at once.
      if (frame.duplicate) held.forEach((h) => (h.sent = lastId));
      p.version = frame.duplicate ? told.version : frame.version;
      done.push(p);
      p.yes({ version: frame.version });
    } else if (frame.code == "not_applied") {
      p.id = undefined;
      pending.splice(pending.filter((q) => q.id).length, 0, p);
    } else p.no(fail(frame.code, frame.message, frame));
  };

  const receive = (frame) => {
    clearTimeout(timer);
    timer = setTimeout(wake, 3e4);
    const { type, from, version } = frame;
    if (type == "session") enter(frame);
    if (type == "change") {
      if (from != told.version) return socket.send('{"get":true}');
      if (version > from) hold(frame, { ...told, version, data: edit(told.data, frame) });
    }
    if (type == "tabs") tabs = frame.tabs;
    if (type == "ok" || type == "error") answer(frame);
    if (type == "bye") emit(type, (bye = frame));
    if (type == "session" || type == "change") {
      attempt = 0;
      become("live");
    }
    pump();
    show();
  };

  const drop = () => {
    turn++;
    sent = 0;
    clearTimeout(timer);
    if (!socket) return;
    socket.onmessage = socket.onclose = null;
    socket.close();
    socket = null;
  };
  const lost = (code) => {
    if (code == 1009) {
      // A line was over the limit: then the longest was.
      const [p] = pending.slice(0, sent).sort((a, b) => b.text.length - a.text.length);
      answer({ id: p?.id, code: "too_large" });
    }
    if (code == 4002 || code == 4003 || (socket && status != "live")) ask++;
    if (code == 1012) ask = 0;
    drop();
    if (code >= 4400 && code < 4500) return stop(bye?.code, bye?.message);
    // A new cookie is on its way and soon here.
    if (code >= 4200 && bye?.code != "stale_cookie") attempt = Math.max(attempt, 3);
    timer = setTimeout(connect, Math.random() * Math.min(20e3, 500 * 2 ** attempt++));
    become("offline");
  };

  const get = async () => {
    const res = await fetch(at("session"), {
      credentials: "include",
      headers: told.id ? { "Session-Id": told.id } : {},
      signal: AbortSignal.timeout(1e4),
    });
    const body = parse(await res.text());
    if (res.ok) return body;
    if (!told.id || body.code != "other_session") throw body;
    forget();
    return get();
  };
  const at = (path) => new URL(path, new URL(url, globalThis.location?.href));
  const connect = async () => {
    drop();
    const mine = turn;
    become("connecting");
    try {
      const body = ask ? await locked(get) : told;
      // The server answers, no WebSocket gets through.
      const other = ask > 2 && ask % 2 && globalThis.document && (await import("./seshd-events.js"));
      if (mine != turn) return;
      if (body.id != told.id) enter({ type: "session", ...body });
      socket = new (other ? other.over(fetch) : WebSocket)(`${at(`ws?client=${client}&since=${told.id}:${told.version}`)}`.replace("http", "ws"));
      socket.onmessage = (e) => {
        ask = other ? 2 : 0;
        receive(parse(e.data));
      };
      socket.onclose = (e) => lost(e.code);
      socket.onerror = () => {}; // else Node's ws throws
      timer = setTimeout(lost, 1e4);
      show();
    } catch {
      if (mine == turn) lost();
    }
  };

  const wake = (e) => {
    if (e?.type == "pagehide") {
      // For the back-forward cache.
      drop();
      become("offline");
    } else if (globalThis.document?.hidden) return; // going, perhaps
    else if (status == "offline") connect();
    else if (status == "live") {
      // Some only look open.
      clearTimeout(timer);
      timer = setTimeout(lost, 2e3);
      socket.send('{"ping":true}');
    }
  };
  const listen = (verb) =>
    ["online", "visibilitychange", "pageshow", "pagehide"].forEach((e) => globalThis[`${verb}EventListener`]?.(e, wake));

  const stop = (code = "closed", message) => {
    drop();
    listen("remove");
    reject(code, message);
    notReady(fail(code, message));
    become("closed");
  };

  const apply = (mutation) => {
    const p = {};
    p.answer = new Promise((yes, no) => {
      if (status == "closed") throw fail(status);
      if (status != "live" && pending.length >= MAX_OFFLINE) throw fail("queue_full");
      try {
        p.text = JSON.stringify({ ...mutation });
        Object.assign(p, { yes, no, mutation: parse(p.text) });
      } catch (e) {
        throw fail("bad_request", e.message);
      }
    });
    if (p.yes) {
      pending.push(p);
      pump();
      show();
    }
    return p.answer;
  };
  const flush = async () => void (await Promise.allSettled(pending.map((p) => p.answer)));
  const update = (key, fn) => {
    const result = updates.then(async () => {
      await ready;
      for (;;) {
        while (pending.length) await flush();
        const { data, version } = snapshot;
        const value = fn(new Map(Object.entries(data)).get(key));
        try {
          return await apply({ set: { [key]: value ?? null }, if_version: version });
        } catch (e) {
          if (e.code != "conflict") throw e;
          await new Promise((yes) => setTimeout(yes, Math.random() * 50));
        }
      }
    });
    updates = result.catch(() => {});
    return result;
  };

  listen("add");
  connect();
  return {
    ready,
    get id() {
      return told.id;
    },
    get expires() {
      return told.expires;
    },
    getSnapshot: () => snapshot,
    subscribe: (fn) => on("", fn),
    on,
    apply,
    set: (key, value) => apply({ set: { [key]: value ?? null } }),
    merge: (merge) => apply({ merge }),
    incr: (key, by = 1) => apply({ incr: { [key]: by } }),
    append: (key, values) => apply({ append: { [key]: values } }),
    delete: (...keys) => apply({ delete: keys }),
    clear: () => apply({ clear: true }),
    update,
    flush,
    close: () => stop(),
  };
};
