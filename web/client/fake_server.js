// Two stand-ins for the server, for the tests: `scripted`, where the test says every frame itself, and
// `Model`, which keeps sessions as the contract says and may lose connections at any moment.

export const ID = "0123456789abcdef0123456789abcdef";
export const OTHER = "fedcba9876543210fedcba9876543210";

/** Lets everything run that waits for nothing but promises. */
export const idle = async () => {
  for (let i = 0; i < 5; i++) await new Promise(setImmediate);
};

export const json = (status, body) => ({ ok: status < 300, status, text: async () => JSON.stringify(body) });

export const sessionFrame = (more = {}) => ({ type: "session", id: ID, version: 0, data: {}, tabs: 1, expires: "2030-01-01T00:00:00Z", ...more });

/** The newest socket is `net.socket`; each keeps the lines it was sent. */
export function scripted(answer = () => json(200, sessionFrame())) {
  const net = { sockets: [], requests: [], answer };
  net.fetch = async (url, options) => {
    net.requests.push({ url: String(url), ...options });
    return net.answer(options.headers, net.requests.length);
  };
  net.WebSocket = class {
    constructor(url) {
      Object.assign(this, { url: new URL(url), lines: [], closed: false });
      net.socket = this;
      net.sockets.push(this);
    }
    send(line) {
      this.lines.push(JSON.parse(line));
    }
    close() {
      this.closed = true;
    }
    /** One frame from the server. */
    tell(frame) {
      this.onmessage?.({ data: JSON.stringify(frame) });
    }
    hangUp(code, bye) {
      if (bye) this.tell({ type: "bye", message: "", ...bye });
      this.onclose?.({ code });
    }
  };
  return net;
}

/** One session, its once-memory, and connections that deliver frames when `step` says so. */
export class Model {
  version = 0;
  data = {};
  once = new Map();
  conns = new Set();

  constructor(random) {
    this.random = random;
    const model = this;
    this.fetch = async () => json(200, model.session());
    this.WebSocket = class {
      constructor(url) {
        const query = new URL(url).searchParams;
        Object.assign(this, { client: query.get("client"), up: [], down: [], told: -1, open: true });
        this.since = Number(query.get("since").split(":")[1]);
        model.conns.add(this);
      }
      send(line) {
        this.up.push(JSON.parse(line));
      }
      close() {
        this.open = false;
        model.conns.delete(this);
      }
    };
  }

  session() {
    return sessionFrame({ version: this.version, data: this.data, tabs: this.conns.size });
  }

  apply(client, { id, append, incr, if_version }) {
    const seen = this.once.get(client) ?? { high: 0, applied: new Set() };
    this.once.set(client, seen);
    if (seen.applied.has(id)) return { type: "ok", id, version: this.version, duplicate: true };
    if (id <= seen.high) return { type: "error", id, code: "not_applied", message: "" };
    if (if_version !== undefined && if_version !== this.version) return { type: "error", id, code: "conflict", message: "", version: this.version };
    if (this.random() < 0.05) return { type: "error", id, code: "rate_limited", message: "" };
    seen.high = id;
    seen.applied.add(id);
    const data = { ...this.data };
    for (const [k, v] of Object.entries(append ?? {})) data[k] = [...(data[k] ?? []), ...v];
    for (const [k, v] of Object.entries(incr ?? {})) data[k] = (data[k] ?? 0) + v;
    this.data = data;
    this.version++;
    return { type: "ok", id, version: this.version };
  }

  tell(conn) {
    if (conn.told == this.version) return;
    const whole = conn.told < 0 || this.random() < 0.1;
    conn.down.push(whole ? this.session() : { type: "change", from: conn.told, version: this.version, set: this.data, delete: [] });
    conn.told = this.version;
  }

  /** One thing happens on one connection: a line is read, a frame delivered, or the wire cut. */
  step(conn, mayCut) {
    if (!conn.open) return;
    if (conn.told < 0) {
      if (this.random() < 0.5 && conn.since == this.version) {
        conn.down.push({ type: "change", from: conn.since, version: this.version, set: {}, delete: [] });
        conn.told = this.version;
      } else this.tell(conn);
      return;
    }
    const dice = this.random();
    if (mayCut && dice < 0.03) {
      this.conns.delete(conn);
      conn.open = false;
      return conn.onclose?.({ code: dice < 0.01 ? 1012 : 1006 });
    }
    if (dice < 0.5 && conn.up.length) {
      const answer = this.apply(conn.client, conn.up.shift());
      this.tell(conn); // the change that covers a mutation comes before its ok
      conn.down.push(answer);
    } else if (conn.down.length) {
      conn.onmessage?.({ data: JSON.stringify(conn.down.shift()) });
    } else this.tell(conn);
  }
}
