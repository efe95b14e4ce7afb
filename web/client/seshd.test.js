import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { afterEach, beforeEach, mock, test } from "node:test";
import { gzipSync } from "node:zlib";
import { ID, OTHER, idle, json, scripted, sessionFrame } from "./fake_server.js";
import { open } from "./seshd.js";

const opened = [];
beforeEach(() => mock.timers.enable({ apis: ["setTimeout"] }));
afterEach(() => {
  for (const s of opened.splice(0)) {
    s.flush(); // takes the rejections of what a test left pending
    s.close();
  }
  mock.timers.reset();
  mock.restoreAll();
});

const start = (net) => {
  const s = open({ url: "http://shop.test/", WebSocket: net.WebSocket, fetch: net.fetch });
  opened.push(s);
  return s;
};

/** A client that is live at version 3 of a session with this data. */
async function live(data = {}, version = 3) {
  const net = scripted(() => json(200, sessionFrame({ version, data })));
  const s = start(net);
  await idle();
  net.socket.tell({ type: "change", from: version, version, set: {}, delete: [] });
  return { s, net };
}

/** Waits out any back-off; Math.random is what it is. */
async function reconnect(ms = 20_000) {
  mock.timers.tick(ms);
  await idle();
}

const code = (expected) => (e) => e instanceof Error && e.code === expected;
const ids = (socket) => socket.lines.map((l) => l.id);
const ok = (socket, id, version, more) => socket.tell({ type: "ok", id, version, ...more });

test("the file is at most 4,096 bytes gzipped", () => {
  const size = gzipSync(readFileSync(new URL("seshd.js", import.meta.url)), { level: 9 }).length;
  assert.ok(size <= 4096, `${size} bytes`);
});

test("opens with GET /session, then the socket, resuming from what it was told", async () => {
  const net = scripted(() => json(200, sessionFrame({ version: 7, data: { fruit: "cherries" } })));
  const s = start(net);
  assert.deepEqual(s.getSnapshot(), { data: {}, version: 0, status: "connecting", pending: 0, tabs: 0 });
  await s.ready;
  assert.equal(s.id, ID);
  assert.equal(s.expires, "2030-01-01T00:00:00Z");
  assert.equal(s.getSnapshot().data.fruit, "cherries");
  const { url, headers, credentials } = net.requests[0];
  assert.deepEqual([url, headers, credentials], ["http://shop.test/session", {}, "include"]);
  assert.equal(net.socket.url.origin + net.socket.url.pathname, "ws://shop.test/ws");
  assert.equal(net.socket.url.searchParams.get("since"), `${ID}:7`);
  assert.match(net.socket.url.searchParams.get("client"), /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  net.socket.tell({ type: "change", from: 7, version: 7, set: {}, delete: [] });
  assert.equal(s.getSnapshot().status, "live");
});

test("open never throws", () => {
  opened.push(open({ url: "not a url", WebSocket: null, fetch: null }));
});

test("a write shows at once, and its promise waits for the ok", async () => {
  const { s, net } = await live({ fruit: "blueberries" });
  const written = s.set("fruit", "cherries");
  assert.equal(s.getSnapshot().data.fruit, "cherries");
  assert.equal(s.getSnapshot().pending, 1);
  assert.deepEqual(net.socket.lines, [{ set: { fruit: "cherries" }, id: 1 }]);
  net.socket.tell({ type: "change", from: 3, version: 4, set: { fruit: "cherries" }, delete: [], by: "tab" });
  ok(net.socket, 1, 4);
  assert.deepEqual(await written, { version: 4 });
  assert.deepEqual({ ...s.getSnapshot() }, { data: { fruit: "cherries" }, version: 4, status: "live", pending: 0, tabs: 1 });
});

test("a refused write is taken back, the ones after it stay", async () => {
  const { s, net } = await live({ n: 1 });
  const refused = s.incr("n", 10);
  s.set("fruit", "cherries");
  assert.deepEqual(s.getSnapshot().data, { n: 11, fruit: "cherries" });
  net.socket.tell({ type: "error", id: 1, code: "not_a_number", message: "n is text" });
  await assert.rejects(refused, { code: "not_a_number", message: "n is text" });
  assert.deepEqual(s.getSnapshot().data, { n: 1, fruit: "cherries" });
});

test("all seven operations show at once as the server will do them", async () => {
  const { s } = await live({ n: 1, list: [1], cart: { apple: 1, pear: { kg: 2, bag: true } }, old: 0, text: "a" });
  s.incr("n");
  s.incr("new", 2.5);
  s.append("list", [2, [3]]);
  s.append("fresh", ["x"]);
  s.merge({ cart: { apple: null, pear: { kg: 3 }, plum: { kg: null } }, old: null });
  s.set("nothing", null);
  s.delete("absent");
  assert.deepEqual(s.getSnapshot().data, {
    n: 2, new: 2.5, list: [1, 2, [3]], fresh: ["x"], cart: { pear: { kg: 3, bag: true }, plum: {} }, text: "a", nothing: null,
  });
  s.apply({ clear: true, set: { a: 1 }, incr: { b: 1 } });
  assert.deepEqual(s.getSnapshot().data, { a: 1, b: 1 });
  s.clear();
  assert.deepEqual(s.getSnapshot().data, {});
});

test("what the server is bound to refuse does not show", async () => {
  const { s } = await live({ text: "a" });
  s.incr("text").catch(() => {});
  s.append("text", [1]).catch(() => {});
  assert.deepEqual(s.getSnapshot().data, { text: "a" });
});

test("names from Object.prototype are keys like any other", async () => {
  const { s } = await live();
  s.incr("constructor");
  s.merge({ toString: { valueOf: { a: 1 } } });
  s.set("proto", JSON.parse('{"__proto__": 1}'));
  const { data } = s.getSnapshot();
  assert.equal(data.constructor, 1);
  assert.deepEqual(data.toString, { valueOf: { a: 1 } });
  assert.ok(Object.hasOwn(data.proto, "__proto__"));
});

test("a change that covers an incr never shows it twice before the ok", async () => {
  const { s, net } = await live({ n: 5 });
  const seen = [];
  s.subscribe(() => seen.push(s.getSnapshot().data.n));
  s.incr("n");
  s.incr("n");
  net.socket.tell({ type: "change", from: 3, version: 6, set: { n: 107 }, delete: [] }); // both, and 100 from elsewhere
  ok(net.socket, 1, 4);
  ok(net.socket, 2, 6);
  assert.deepEqual([...new Set(seen)], [6, 7, 107]);
  assert.equal(s.getSnapshot().version, 6);
});

test("somebody else's change waits only for what was sent before it", async () => {
  const { s, net } = await live({});
  s.incr("n");
  net.socket.tell({ type: "change", from: 3, version: 4, set: { fruit: "cherries" }, delete: [], by: "http" });
  s.incr("n");
  assert.equal(s.getSnapshot().data.fruit, undefined);
  net.socket.tell({ type: "change", from: 4, version: 5, set: { n: 1 }, delete: [], by: "tab" });
  ok(net.socket, 1, 5);
  assert.deepEqual(s.getSnapshot().data, { fruit: "cherries", n: 2 });
  net.socket.tell({ type: "change", from: 5, version: 6, set: { n: 2 }, delete: [], by: "tab" });
  ok(net.socket, 2, 6);
  assert.deepEqual(s.getSnapshot().data, { n: 2, fruit: "cherries" });
});

test("snapshots are frozen, and the same until something changes", async () => {
  const { s, net } = await live({ cart: { apple: [1] }, n: 1 });
  const before = s.getSnapshot();
  assert.equal(s.getSnapshot(), before);
  net.socket.tell({ type: "pong" });
  net.socket.tell({ type: "tabs", tabs: 1 });
  assert.equal(s.getSnapshot(), before);
  for (const part of [before, before.data, before.data.cart, before.data.cart.apple]) assert.ok(Object.isFrozen(part));
  net.socket.tell({ type: "tabs", tabs: 2 });
  assert.notEqual(s.getSnapshot(), before);
  assert.equal(s.getSnapshot().data, before.data);
  s.set("n", 2);
  assert.equal(s.getSnapshot().data.cart, before.data.cart);
});

test("a value handed over is taken as it is now", async () => {
  const { s } = await live();
  const cart = { apple: 1 };
  s.set("cart", cart);
  cart.apple = 2;
  assert.deepEqual(s.getSnapshot().data.cart, { apple: 1 });
});

test("what is not JSON is refused before it is sent", async () => {
  const { s, net } = await live();
  const loop = {};
  loop.loop = loop;
  await assert.rejects(s.set("loop", loop), code("bad_request"));
  await assert.rejects(s.set("big", 1n), code("bad_request"));
  assert.deepEqual(net.socket.lines, []);
  s.set("undefined", undefined);
  assert.deepEqual(net.socket.lines, [{ set: { undefined: null }, id: 1 }]);
});

test("writes made offline wait, and go out in order under rising ids", async () => {
  const { s, net } = await live();
  s.incr("a");
  net.socket.hangUp(1006);
  assert.equal(s.getSnapshot().status, "offline");
  s.incr("b");
  s.incr("c");
  await reconnect();
  assert.deepEqual(net.socket.lines, []);
  net.socket.tell({ type: "change", from: 3, version: 3, set: {}, delete: [] });
  assert.deepEqual(net.socket.lines, [{ incr: { a: 1 }, id: 1 }, { incr: { b: 1 }, id: 2 }, { incr: { c: 1 }, id: 3 }]);
});

test("a re-send keeps its id and its client; a duplicate counts once", async () => {
  const { s, net } = await live({ n: 0 });
  const written = s.incr("n");
  const first = net.socket;
  first.hangUp(1006);
  await reconnect();
  assert.equal(net.socket.url.searchParams.get("client"), first.url.searchParams.get("client"));
  assert.equal(net.socket.url.searchParams.get("since"), `${ID}:3`);
  net.socket.tell({ type: "change", from: 3, version: 4, set: { n: 1 }, delete: [] });
  assert.deepEqual(ids(net.socket), [1]);
  assert.equal(s.getSnapshot().data.n, 1);
  ok(net.socket, 1, 9, { duplicate: true });
  assert.deepEqual(await written, { version: 9 });
  assert.equal(s.getSnapshot().data.n, 1);
  assert.equal(s.getSnapshot().pending, 0);
});

test("a duplicate shows while the rest of what was sent again is unanswered", async () => {
  const { s, net } = await live({ log: [] });
  for (const value of ["a", "b", "c"]) s.append("log", [value]).catch(() => {});
  net.socket.hangUp(1006);
  await reconnect();
  net.socket.tell({ type: "change", from: 3, version: 4, set: { log: ["a"] }, delete: [] });
  ok(net.socket, 1, 4, { duplicate: true });
  assert.deepEqual(s.getSnapshot().data.log, ["a", "b", "c"]);
  net.socket.tell({ type: "change", from: 4, version: 5, set: { log: ["a", "b"] }, delete: [] });
  ok(net.socket, 2, 5);
  assert.deepEqual(s.getSnapshot().data.log, ["a", "b", "c"]);
  net.socket.tell({ type: "change", from: 5, version: 6, set: { log: ["a", "b", "c"] }, delete: [] });
  ok(net.socket, 3, 6);
  assert.deepEqual({ ...s.getSnapshot() }, { data: { log: ["a", "b", "c"] }, version: 6, status: "live", pending: 0, tabs: 1 });
});

test("a duplicate shows that the connection before brought in after the first frame of this one", async () => {
  const { s, net } = await live({ log: [] });
  for (const value of ["a", "b"]) s.append("log", [value]).catch(() => {});
  net.socket.hangUp(1006);
  await reconnect();
  net.socket.tell({ type: "change", from: 3, version: 4, set: { fruit: "cherries" }, delete: [] });
  s.append("log", ["c"]).catch(() => {});
  net.socket.tell({ type: "change", from: 4, version: 5, set: { log: ["a"] }, delete: [] });
  net.socket.tell({ type: "change", from: 5, version: 6, set: { log: ["a", "b"] }, delete: [] });
  for (const id of [1, 2]) {
    ok(net.socket, id, 6, { duplicate: true });
    assert.deepEqual(s.getSnapshot().data.log, ["a", "b", "c"]);
  }
});

test("a duplicate that an earlier frame holds too counts once", async () => {
  const { s, net } = await live({ n: 0 });
  s.incr("n").catch(() => {});
  net.socket.tell({ type: "change", from: 3, version: 4, set: { n: 1 }, delete: [] });
  s.incr("n").catch(() => {});
  net.socket.hangUp(1006);
  await reconnect();
  net.socket.tell({ type: "change", from: 4, version: 5, set: { fruit: "cherries" }, delete: [] });
  ok(net.socket, 1, 5, { duplicate: true });
  assert.equal(s.getSnapshot().data.n, 2);
  net.socket.tell({ type: "change", from: 5, version: 6, set: { n: 2 }, delete: [] });
  ok(net.socket, 2, 6);
  assert.deepEqual({ ...s.getSnapshot() }, { data: { fruit: "cherries", n: 2 }, version: 6, status: "live", pending: 0, tabs: 1 });
});

test("offline, 100 writes wait; the next is refused", async () => {
  const { s, net } = await live();
  net.socket.hangUp(1006);
  for (let i = 0; i < 100; i++) s.incr("n").catch(() => {});
  await assert.rejects(s.incr("n"), code("queue_full"));
  assert.equal(s.getSnapshot().data.n, 100);
  assert.equal(s.getSnapshot().pending, 100);
});

test("at most 64 are unanswered at a time", async () => {
  const { s, net } = await live();
  for (let i = 0; i < 150; i++) s.incr("n").catch(() => {});
  assert.equal(net.socket.lines.length, 64);
  ok(net.socket, 1, 4);
  assert.equal(net.socket.lines.length, 65);
  net.socket.hangUp(1006);
  await reconnect();
  net.socket.tell(sessionFrame({ version: 4, data: { n: 1 } }));
  assert.deepEqual(ids(net.socket), Array.from({ length: 64 }, (_, i) => i + 2));
});

test("not_applied: sent again under a new id, before what has none yet", async () => {
  const { s, net } = await live();
  const first = s.set("fruit", "cherries");
  s.set("fruit", "blueberries");
  net.socket.hangUp(1006);
  await reconnect();
  net.socket.tell({ type: "change", from: 3, version: 4, set: { fruit: "blueberries" }, delete: [] });
  net.socket.tell({ type: "error", id: 1, code: "not_applied", message: "" });
  assert.deepEqual(ids(net.socket), [1, 2, 3]);
  assert.deepEqual(net.socket.lines[2].set, { fruit: "cherries" });
  ok(net.socket, 2, 4, { duplicate: true });
  net.socket.tell({ type: "change", from: 4, version: 5, set: { fruit: "cherries" }, delete: [] });
  ok(net.socket, 3, 5);
  assert.deepEqual(await first, { version: 5 });
  assert.equal(s.getSnapshot().data.fruit, "cherries");
});

test("another session: pending writes are rejected and never sent", async () => {
  const { s, net } = await live({ mine: 1 });
  net.socket.hangUp(1006);
  const written = s.set("fruit", "cherries");
  await reconnect();
  net.socket.tell(sessionFrame({ id: OTHER, version: 2, data: { theirs: 1 } }));
  await assert.rejects(written, code("other_session"));
  assert.deepEqual(net.socket.lines, []);
  assert.equal(s.id, OTHER);
  assert.deepEqual(s.getSnapshot().data, { theirs: 1 });
});

test("a session that continues ours keeps the queue", async () => {
  const { s, net } = await live({ cart: 1 });
  net.socket.hangUp(4001, { code: "rotated", into: OTHER });
  s.set("fruit", "cherries");
  await reconnect();
  net.socket.tell(sessionFrame({ id: OTHER, continues: ID, version: 9, data: { cart: 3 } }));
  assert.deepEqual(ids(net.socket), [1]);
  assert.deepEqual(s.getSnapshot().data, { cart: 3, fruit: "cherries" });
});

test("a login: what the old cookie could not write goes out on a later socket, under its id", async () => {
  const { s, net } = await live({ cart: {} });
  mock.method(Math, "random", () => 0.999);
  const written = s.merge({ cart: { cherries: 1 } });
  net.socket.tell({ type: "error", id: 1, code: "stale_cookie", message: "" });
  assert.deepEqual([s.getSnapshot().pending, s.getSnapshot().data.cart], [1, { cherries: 1 }]);
  net.socket.hangUp(4001, { code: "rotated", into: OTHER });
  await reconnect(500);
  net.socket.hangUp(4253, { code: "stale_cookie" }); // the new cookie is not here yet
  await reconnect(1000);
  assert.equal(net.sockets.length, 3);
  net.socket.tell(sessionFrame({ id: OTHER, continues: ID, version: 9, data: { cart: { plums: 2 } } }));
  assert.deepEqual(net.socket.lines, [{ merge: { cart: { cherries: 1 } }, id: 1 }]);
  net.socket.tell({ type: "change", from: 9, version: 10, set: { cart: { plums: 2, cherries: 1 } }, delete: [] });
  ok(net.socket, 1, 10);
  assert.deepEqual(await written, { version: 10 });
  assert.deepEqual([s.id, s.getSnapshot().data], [OTHER, { cart: { plums: 2, cherries: 1 } }]);
});

test("4002 and 4003 fetch a session first, naming the old one", async () => {
  for (const closed of [4002, 4003]) {
    const { s, net } = await live({ old: 1 });
    const written = assert.rejects(s.incr("n"), code("other_session"));
    net.answer = (headers) =>
      headers["Session-Id"] ? json(409, { code: "other_session" }) : json(200, sessionFrame({ id: OTHER, version: 0 }));
    net.socket.hangUp(closed);
    await reconnect(500);
    await written;
    assert.deepEqual(net.requests.slice(1).map((r) => r.headers), [{ "Session-Id": ID }, {}]);
    assert.equal(net.socket.url.searchParams.get("since"), `${OTHER}:0`);
  }
});

test("back-off: by close code, full jitter, doubling up to 20 s", async () => {
  const { net } = await live();
  mock.method(Math, "random", () => 0.999);
  const waits = async (code, ms) => {
    const { length } = net.sockets;
    net.socket.hangUp(code);
    await reconnect(ms * 0.99);
    assert.equal(net.sockets.length, length, `${code} before ${ms}`);
    await reconnect(ms * 0.01);
    assert.equal(net.sockets.length, length + 1, `${code} after ${ms}`);
  };
  for (const ms of [500, 1000, 2000, 4000, 8000, 16000, 20000, 20000]) await waits(1006, ms);
  for (const code of [1006, 1012, 4001]) {
    net.socket.tell(sessionFrame({ version: 3 }));
    await waits(code, 500);
  }
  for (const code of [4229, 4253]) {
    net.socket.tell(sessionFrame({ version: 3 }));
    await waits(code, 4000);
  }
});

test("a failed GET backs off too, and a 503 is no empty session", async () => {
  const net = scripted(() => json(503, { code: "unavailable" }));
  const s = start(net);
  await idle();
  assert.equal(s.getSnapshot().status, "offline");
  assert.equal(net.sockets.length, 0);
  net.answer = () => json(200, sessionFrame({ version: 1 }));
  await reconnect();
  assert.equal(s.getSnapshot().version, 1);
});

test("44xx: closed for good, with the reason", async () => {
  const { s, net } = await live();
  const written = s.incr("n");
  const heard = [];
  s.on("bye", (b) => heard.push(b.code));
  s.on("status", (x) => heard.push(x));
  net.socket.hangUp(4401, { code: "bad_ticket" });
  await assert.rejects(written, code("bad_ticket"));
  assert.deepEqual(heard, ["bad_ticket", "closed"]);
  await reconnect();
  assert.equal(net.sockets.length, 1);
  await assert.rejects(s.incr("n"), code("closed"));
});

test("1009: the longest line was the one, the others are sent again", async () => {
  const { s, net } = await live();
  s.set("small", 1);
  const big = s.set("big", "x".repeat(100));
  s.set("other", 2);
  net.socket.hangUp(1009);
  await assert.rejects(big, code("too_large"));
  await reconnect();
  net.socket.tell({ type: "change", from: 3, version: 3, set: {}, delete: [] });
  assert.deepEqual(ids(net.socket), [1, 3]);
});

test("an error without an id is for the oldest write", async () => {
  const { s, net } = await live();
  const deep = s.set("deep", [[]]);
  s.set("fine", 1);
  net.socket.tell({ type: "error", code: "invalid_json", message: "too deep" });
  await assert.rejects(deep, code("invalid_json"));
  assert.equal(s.getSnapshot().pending, 1);
});

test("update compares and sets, and tries again on a conflict", async () => {
  const { s, net } = await live({ n: 1 });
  const updated = s.update("n", (n) => n * 2);
  await idle();
  assert.deepEqual(net.socket.lines, [{ set: { n: 2 }, if_version: 3, id: 1 }]);
  net.socket.tell({ type: "change", from: 3, version: 4, set: { n: 10 }, delete: [], by: "api" });
  net.socket.tell({ type: "error", id: 1, code: "conflict", message: "", version: 4 });
  await idle();
  await reconnect(50);
  assert.deepEqual(net.socket.lines[1], { set: { n: 20 }, if_version: 4, id: 2 });
  net.socket.tell({ type: "change", from: 4, version: 5, set: { n: 20 }, delete: [], by: "tab" });
  ok(net.socket, 2, 5);
  assert.deepEqual(await updated, { version: 5 });
});

test("update waits for the writes before it, and goes on after one that fails", async () => {
  const { s, net } = await live({});
  s.incr("n");
  const broken = s.update("n", () => {
    throw new Error("mine");
  });
  const second = s.update("n", (n) => (n ?? 0) + 1);
  await idle();
  assert.equal(net.socket.lines.length, 1);
  net.socket.tell({ type: "change", from: 3, version: 4, set: { n: 1 }, delete: [] });
  ok(net.socket, 1, 4);
  await assert.rejects(broken, { message: "mine" });
  await idle();
  assert.deepEqual(net.socket.lines[1], { set: { n: 2 }, if_version: 4, id: 2 });
  ok(net.socket, 2, 4);
  await second;
});

test("flush waits for what is pending, whatever becomes of it", async () => {
  const { s, net } = await live();
  s.incr("n").catch(() => {});
  let flushed = false;
  s.flush().then(() => (flushed = true));
  await idle();
  assert.equal(flushed, false);
  net.socket.tell({ type: "error", id: 1, code: "not_a_number", message: "" });
  await idle();
  assert.equal(flushed, true);
});

test("a gap between versions asks for the whole session", async () => {
  const { s, net } = await live({ n: 1 });
  net.socket.tell({ type: "change", from: 8, version: 9, set: { n: 9 }, delete: [] });
  assert.deepEqual(net.socket.lines, [{ get: true }]);
  assert.equal(s.getSnapshot().data.n, 1);
  net.socket.tell(sessionFrame({ version: 9, data: { n: 9 } }));
  assert.equal(s.getSnapshot().data.n, 9);
});

test("a store that went back in time is believed", async () => {
  const { s, net } = await live({ n: 1 }, 9);
  s.incr("n");
  ok(net.socket, 1, 10);
  assert.equal(s.getSnapshot().data.n, 2);
  net.socket.hangUp(1006);
  await reconnect();
  net.socket.tell(sessionFrame({ version: 5, data: { n: 0 } }));
  assert.deepEqual(s.getSnapshot().data, { n: 0 });
  assert.equal(s.getSnapshot().version, 5);
});

test("events: changes with their maker, off stops them, a throwing listener harms nobody", async () => {
  const { s, net } = await live();
  const seen = [];
  const reported = mock.method(Promise, "reject", () => {});
  s.on("change", () => {
    throw new Error("listener");
  });
  const off = s.on("change", (c) => seen.push([c.type, c.from, c.version, c.by, s.getSnapshot().version]));
  net.socket.tell({ type: "change", from: 3, version: 4, set: { a: 1 }, delete: [], by: "code" });
  off();
  net.socket.tell({ type: "change", from: 4, version: 5, set: { a: 2 }, delete: [], by: "code" });
  assert.deepEqual(seen, [["change", 3, 4, "code", 4]]);
  assert.equal(s.getSnapshot().data.a, 2);
  assert.equal(reported.mock.calls[0].arguments[0].message, "listener");
});

test("close: rejects what waits, and opens nothing more", async () => {
  const net = scripted();
  const s = start(net);
  const written = s.incr("n");
  s.close();
  s.close();
  await assert.rejects(written, code("closed"));
  await assert.rejects(s.ready, code("closed"));
  await idle();
  await reconnect();
  assert.equal(net.sockets.length, 0);

  const { s: other, net: second } = await live();
  other.close();
  assert.ok(second.socket.closed);
  assert.equal(other.getSnapshot().status, "closed");
});

// What docs/PROTOCOL.md lets a newer server send.
test("frames and members that are not known are ignored", async () => {
  const { s, net } = await live({ fruit: "cherries" });
  const seen = [];
  s.on("change", (frame) => seen.push(frame.version));
  const before = s.getSnapshot();
  net.socket.tell({ type: "weather", id: 1, from: 9, version: 9, data: {}, set: { fruit: "rain" }, tabs: 9, code: "storm" });
  net.socket.tell({});
  assert.equal(s.getSnapshot(), before);
  net.socket.tell({ type: "change", from: 3, version: 4, set: { n: 1 }, delete: [], by: "robot", why: { deep: [1] } });
  net.socket.tell({ type: "tabs", tabs: 2, nodes: 3 });
  const written = s.incr("n");
  net.socket.tell({ type: "change", from: 4, version: 5, set: { n: 2 }, delete: [], weather: "rain" });
  ok(net.socket, 1, 5, { weather: "rain" });
  assert.deepEqual(await written, { version: 5 });
  assert.deepEqual({ ...s.getSnapshot() }, { data: { fruit: "cherries", n: 2 }, version: 5, status: "live", pending: 0, tabs: 2 });
  net.socket.tell(sessionFrame({ version: 6, data: { fruit: "plums" }, tabs: 1, weather: "rain" }));
  assert.deepEqual({ ...s.getSnapshot() }, { data: { fruit: "plums" }, version: 6, status: "live", pending: 0, tabs: 1 });
  assert.deepEqual(seen, [4, 5, 6]);
  assert.deepEqual(net.socket.lines, [{ incr: { n: 1 }, id: 1 }]);
});

test("a refusal that is not known takes its write back, and goes by its own name", async () => {
  const { s, net } = await live();
  const written = s.set("fruit", "rain");
  net.socket.tell({ type: "error", id: 1, code: "bad_weather", message: "it rains", weather: "rain" });
  await assert.rejects(written, code("bad_weather"));
  assert.deepEqual(s.getSnapshot().data, {});
});

test("a close code that is not known means what its hundreds say", async () => {
  for (const [closed, status, again] of [[4099, "offline", true], [4299, "offline", true], [4499, "closed", false], [3999, "offline", true]]) {
    const { s, net } = await live();
    net.socket.hangUp(closed, { code: "bad_weather" });
    assert.equal(s.getSnapshot().status, status);
    await reconnect();
    assert.equal(net.sockets.length == 2, again, `${closed}`);
  }
});
