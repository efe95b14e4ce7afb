// Several clients, one session, connections that are cut at random: afterwards all see the same, and every
// acknowledged write is in it exactly once, every refused one not at all.
import assert from "node:assert/strict";
import { afterEach, mock, test } from "node:test";
import { Model, idle } from "./fake_server.js";
import { open } from "./seshd.js";

/** mulberry32 */
const seeded = (seed) => () => {
  seed = (seed + 0x6d2b79f5) | 0;
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
};

afterEach(() => mock.timers.reset());

for (let seed = 1; seed <= 30; seed++)
  test(`seed ${seed}`, async () => {
    mock.timers.enable({ apis: ["setTimeout"] });
    const random = seeded(seed);
    const server = new Model(random);
    const clients = Array.from({ length: 3 }, () => open({ url: "http://shop.test/", WebSocket: server.WebSocket, fetch: server.fetch }));
    await Promise.all(clients.map((c) => c.ready));
    const stored = [];
    const refused = [];
    for (const c of clients)
      c.subscribe(() => {
        const { log = [], n = 0 } = c.getSnapshot().data;
        assert.equal(new Set(log).size, log.length, "a value shown twice");
        assert.equal(log.length, n, "the two parts of one mutation shown apart");
      });
    let writes = 0;
    for (let i = 0; i < 600; i++) {
      if (random() < 0.2 && i < 400) {
        const value = ++writes;
        clients[Math.floor(random() * 3)].apply({ append: { log: [value] }, incr: { n: 1 } }).then(
          () => stored.push(value),
          (e) => refused.push(value, assert.equal(e.code, "rate_limited")),
        );
      }
      for (const conn of [...server.conns]) server.step(conn, i < 400);
      await new Promise(setImmediate);
      if (random() < 0.2) mock.timers.tick(500);
    }
    for (let i = 0; i < 4000 && clients.some((c) => c.getSnapshot().pending || c.getSnapshot().version < server.version); i++) {
      mock.timers.tick(100);
      for (const conn of [...server.conns]) server.step(conn, false);
      await new Promise(setImmediate);
    }
    await idle();
    assert.equal(stored.length + refused.filter(Boolean).length, writes);
    assert.deepEqual([...server.data.log].sort((a, b) => a - b), stored.sort((a, b) => a - b));
    for (const c of clients) {
      assert.deepEqual(c.getSnapshot().data, server.data);
      c.close();
    }
  });
