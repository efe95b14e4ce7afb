// One page with the real client, and what it must see while the network is bad.
import assert from "node:assert/strict";

const HUGE = "x".repeat(5_000); // over the server's --max-message-bytes
const isRefusal = new Set(["not_a_number", "forbidden_key", "too_large", "rate_limited"]);

export class Page {
  writes = []; // { item, counts, slot, value, bad, outcome }: open, stored, refused, or unknown
  heard = []; // everything the server said to it
  sent = new Map(); // lines, by their ids
  version = 0;
  failures = [];

  /** mark is in every value that this session's pages write, and in nobody else's. */
  constructor({ name, mark, cookie, url, open, WebSocket }) {
    Object.assign(this, { name, mark, events: new EventTarget() });
    const page = this;
    class Socket extends WebSocket {
      constructor(address) {
        super(address, { headers: { cookie } });
        this.addEventListener("message", (e) => page.heard.push(e.data));
      }
      send(line) {
        page.sent.set(JSON.parse(line).id, line);
        super.send(line);
      }
    }
    const request = async (address, options) => {
      const response = await fetch(address, { ...options, headers: { ...options.headers, cookie } });
      const text = await response.text();
      page.heard.push(text);
      return { ok: response.ok, text: async () => text };
    };
    // The client listens to its window; here each has one of its own.
    globalThis.addEventListener = this.events.addEventListener.bind(this.events);
    this.session = open({ url, WebSocket: Socket, fetch: request });
    this.session.subscribe(() => this.look());
  }

  step({ kind, slot }) {
    if (this.away) this.tell("pageshow");
    const s = this.session;
    const n = this.writes.length;
    const value = `${this.mark}.${this.name}.${n}`;
    const own = `own.${this.name}.${slot}`;
    const item = `${this.name}${slot}`;
    const now = {
      count: () => this.wrote({ counts: "hits" }, s.apply({ incr: { hits: 1, [`hits.${this.name}`]: 1 } })),
      tap: () => this.wrote({ counts: "taps" }, s.incr("taps")),
      append: () => this.wrote({ item: value }, s.append("log", [value])),
      set: () => this.wrote({ slot: own, value }, s.set(own, value)),
      drop: () => this.wrote({ slot: own }, s.delete(own)),
      merge: () => this.wrote({ slot: `cart ${item}`, value: n }, s.merge({ cart: { [item]: n } })),
      unmerge: () => this.wrote({ slot: `cart ${item}` }, s.merge({ cart: { [item]: null } })),
      update: () => this.wrote({ counts: "tally" }, s.update("tally", (old = 0) => old + 1)),
      turn: () => this.wrote({}, s.set("turn", value)),
      refused: () => this.wrote({ item: value, bad: true }, s.apply({ append: { log: [value] }, incr: { word: 1 } })),
      secret: () => this.wrote({ bad: true }, s.set("_secret", value)),
      huge: () => this.wrote({ item: value, bad: true }, s.apply({ append: { log: [value] }, set: { huge: HUGE } })),
      visible: () => this.tell("visibilitychange"),
      online: () => this.tell("online"),
      away: () => this.tell("pagehide"),
      close: () => this.close(),
    };
    now[kind]();
  }

  tell(type) {
    this.away = type == "pagehide";
    this.events.dispatchEvent(new Event(type));
  }

  close() {
    this.closed = true;
    this.session.close();
  }

  wrote(write, answer) {
    Object.assign(write, { outcome: "open", answer });
    this.writes.push(write);
    write.settled = answer.then(
      () => {
        write.outcome = "stored";
        if (write.bad) this.failures.push(`${JSON.stringify(write)} was not refused`);
        this.look();
      },
      (e) => {
        write.outcome = isRefusal.has(e.code) ? "refused" : "unknown";
        const asMeant = write.bad || e.code == "rate_limited" || (this.closed && e.code == "closed");
        if (!asMeant) this.failures.push(`${JSON.stringify(write)} failed: ${e.code} ${e.message}`);
      },
    );
  }

  count(ok) {
    return this.writes.filter(ok).length;
  }

  /** Whether a write of this name went out again behind later ones, as it had been refused and the answer was lost. */
  reordered(name) {
    const moved = this.heard.filter((text) => text.includes('"not_applied"')).map((text) => this.sent.get(JSON.parse(text).id));
    return moved.some((line) => line.includes(`"${name}"`));
  }

  /** At every snapshot, and at every answer. */
  look() {
    try {
      this.inspect(this.session.getSnapshot());
    } catch (e) {
      this.failures.push(e.message);
    }
  }

  inspect({ data, version }) {
    assert.ok(version >= this.version, `version ${version} after ${this.version}`);
    this.version = version;
    const log = data.log ?? [];
    assert.equal(new Set(log).size, log.length, `an item shown twice: ${log}`);
    const missing = this.writes.filter((w) => w.outcome == "stored" && w.item && !log.includes(w.item));
    assert.equal(missing.map((w) => w.item).join(), "", "acknowledged, and not shown");
    for (const [key, shown] of [["hits", data[`hits.${this.name}`]], ["taps", data.taps], ["tally", data.tally]]) {
      const stored = this.count((w) => w.counts == key && w.outcome == "stored");
      assert.ok((shown ?? 0) >= stored, `${key} shows ${shown} after ${stored} acknowledged`);
    }
    assert.equal(data.hits ?? 0, sumOfHits(data), "two parts of one mutation shown apart");
  }
}

export const sumOfHits = (data) =>
  Object.entries(data).reduce((sum, [key, n]) => sum + (key.startsWith("hits.") ? n : 0), 0);
