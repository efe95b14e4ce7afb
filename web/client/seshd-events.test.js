// The stream and the posts by themselves: what seshd.js sees of them, and what goes over the network.
import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { event, wire } from "./fake_http.js";
import { ID, OTHER, idle, sessionFrame } from "./fake_server.js";
import { over } from "./seshd-events.js";

const CLIENT = "00000000-0000-4000-a000-000000000000";
const URL_OF_IT = `ws://shop.test/base/ws?client=${CLIENT}&since=${ID}:3`;

let page, net, socket, frames, closes, now;
beforeEach(() => {
  page = new EventTarget();
  globalThis.addEventListener = page.addEventListener.bind(page);
  globalThis.removeEventListener = page.removeEventListener.bind(page);
  globalThis.document = { hidden: false };
  browser({});
  mock.timers.enable({ apis: ["setTimeout"] });
  now = 0;
  mock.method(performance, "now", () => now);
  net = wire();
});
afterEach(() => {
  socket.close();
  mock.timers.reset();
  mock.restoreAll();
  for (const name of ["addEventListener", "removeEventListener", "document"]) delete globalThis[name];
});

const browser = (value) => Object.defineProperty(globalThis, "navigator", { value, configurable: true });

function connect() {
  frames = [];
  closes = [];
  socket = new (over(net.fetch))(URL_OF_IT);
  socket.onmessage = (e) => frames.push(JSON.parse(e.data));
  socket.onclose = (e) => closes.push(e.code);
  return socket;
}
const look = (visible) => {
  document.hidden = !visible;
  page.dispatchEvent(new Event("visibilitychange"));
};
const write = (id, more = { incr: { n: 1 } }) => socket.send(JSON.stringify({ ...more, id }));
const change = (from, version, set = {}) => ({ type: "change", from, version, set, delete: [] });
const events = () => net.next("/base/session/events");
const session = () => net.next("/base/session");

/** Connected, with a stream whose first frame has come. */
async function live() {
  connect();
  const stream = events().stream();
  stream.event(change(3, 3), `${ID}:3`);
  await idle();
  frames.length = 0;
  return stream;
}

test("the stream resumes from what seshd.js has, and its events are frames however they are cut", async () => {
  connect();
  const request = events();
  assert.equal(request.headers["Last-Event-ID"], `${ID}:3`);
  assert.equal(request.credentials, "include");
  const stream = request.stream();
  const sent = [change(3, 4, { fruit: "Käse\n\n🍒" }), { type: "tabs", tabs: 2 }, sessionFrame({ version: 9 })];
  const bytes = new TextEncoder().encode(`:\n\n${event(sent[0], `${ID}:4`)}:\n\n${event(sent[1], `${ID}:4`)}${event(sent[2], `${ID}:9`)}`);
  for (const byte of bytes) stream.bytes(new Uint8Array([byte]));
  await idle();
  assert.deepEqual(frames, sent);
  assert.deepEqual([closes, socket.readyState], [[], 1]);
});

test("writes are posted one at a time, in order, under their ids, and answered as a socket would", async () => {
  await live();
  for (const id of [1, 2, 3]) write(id);
  for (const id of [1, 2, 3]) {
    const post = session();
    assert.equal(session(), undefined, "a second request beside it");
    assert.deepEqual([post.method, JSON.parse(post.body)], ["POST", { incr: { n: 1 }, id }]);
    assert.deepEqual(post.headers, { "Content-Type": "application/json", "Idempotency-Key": `${CLIENT}:${id}`, "Session-Id": ID });
    if (id == 2) post.json(422, { code: "not_a_number", detail: "n is text" });
    else post.json(200, { id: ID, version: 3 + id, set: {}, delete: [], duplicate: id == 3 || undefined });
    await idle();
  }
  assert.deepEqual(frames, [
    { type: "ok", id: 1, version: 4 },
    { type: "error", id: 2, code: "not_a_number", message: "n is text" },
    { type: "ok", id: 3, version: 6, duplicate: true },
  ]);
  assert.equal(net.requests.length, 4); // nothing but them and the stream
});

test("a write over the rate is answered, and ends nothing", async () => {
  await live();
  write(1);
  session().json(429, { code: "rate_limited", detail: "over --rate" });
  await idle();
  assert.deepEqual([frames[0].code, closes], ["rate_limited", []]);
});

for (const [name, answer, close, bye] of [
  ["no network", (r) => r.fail(), 1006],
  ["a proxy without its server", (r) => r.text(502, "<h1>Bad Gateway</h1>"), 1006],
  ["a page that is not ours", (r) => r.text(200, "<h1>Please log in</h1>"), 1006],
  ["a store that fails", (r) => r.json(503, { code: "unavailable", detail: "no disk" }), 4253, "unavailable"],
  ["another session", (r) => r.json(409, { code: "other_session", detail: "" }), 4001, "other_session"],
  ["a replaced cookie", (r) => r.json(409, { code: "stale_cookie", detail: "" }), 4253, "stale_cookie"],
  ["an ended session", (r) => r.json(404, { code: "no_such_session", detail: "" }), 4002, "no_such_session"],
])
  test(`a write that meets ${name} is not answered: the connection ends with ${close}`, async () => {
    await live();
    write(1);
    write(2);
    answer(session());
    await idle();
    assert.deepEqual([closes, socket.readyState], [[close], 3]);
    assert.deepEqual(frames.map((f) => [f.type, f.code]), bye ? [["bye", bye]] : []);
    assert.equal(session(), undefined);
    assert.equal(net.open, 0);
  });

test("a body over a proxy's limit is the write's fault", async () => {
  await live();
  write(1);
  session().text(413, "<h1>Request Entity Too Large</h1>");
  await idle();
  assert.deepEqual([frames[0].id, frames[0].code, closes], [1, "too_large", []]);
});

for (const [code, close] of [["rotated", 4001], ["destroyed", 4002], ["logged_out", 4002], ["expired", 4003], ["unavailable", 4253], ["restarting", 1012]])
  test(`bye ${code}: told, then closed with ${close}`, async () => {
    const stream = await live();
    stream.event({ type: "bye", code, message: "" });
    await idle();
    assert.deepEqual([frames.map((f) => f.code), closes], [[code], [close]]);
  });

for (const [status, code, close] of [[429, "too_many_tabs", 4229], [429, "rate_limited", 4229], [409, "stale_cookie", 4253], [503, "unavailable", 4253], [502, undefined, 1006]])
  test(`a stream that is refused as ${code ?? status} closes with ${close}`, async () => {
    connect();
    events().json(status, { code, detail: "so it is" });
    await idle();
    assert.deepEqual(frames, code ? [{ type: "bye", code, message: "so it is" }] : []);
    assert.deepEqual(closes, [close]);
  });

test("a stream that a proxy ends after a while goes on where it was; one that ends at once does not", async () => {
  const stream = await live();
  stream.event(change(3, 5), `${ID}:5`);
  await idle();
  now = 30_000;
  stream.end();
  await idle();
  const again = events();
  assert.equal(again.headers["Last-Event-ID"], `${ID}:5`);
  const second = again.stream();
  second.event(change(5, 5), `${ID}:5`);
  await idle();
  assert.deepEqual(closes, []);
  now = 31_000;
  second.cut();
  await idle();
  assert.deepEqual(closes, [1006]);
});

test("in the middle of a connection the session stays the same one", async () => {
  const stream = await live();
  stream.event(sessionFrame({ id: OTHER }), `${OTHER}:0`);
  await idle();
  assert.deepEqual([frames, closes], [[], [4001]]);
});

test("the first frame may be of a session that continues ours, and writes go there", async () => {
  connect();
  events().stream().event(sessionFrame({ id: OTHER, continues: ID, version: 7 }), `${OTHER}:7`);
  await idle();
  write(1);
  assert.deepEqual([frames[0].continues, session().headers["Session-Id"]], [ID, OTHER]);
});

test("hidden, it lets the stream go; seen again, it resumes", async () => {
  const stream = await live();
  stream.event(change(3, 6), `${ID}:6`);
  await idle();
  look(false);
  assert.equal(net.open, 0);
  await idle();
  mock.timers.tick(600_000);
  assert.deepEqual([events(), closes, socket.readyState], [undefined, [], 1]);
  look(true);
  const again = events();
  assert.equal(again.headers["Last-Event-ID"], `${ID}:6`);
  again.stream().event(change(6, 8), `${ID}:8`);
  await idle();
  assert.deepEqual(frames.at(-1), change(6, 8));
  assert.equal(net.open, 1);
});

test("hidden from the start, it is there without a stream", async () => {
  document.hidden = true;
  connect();
  await idle();
  assert.deepEqual(frames, [change(3, 3)]);
  assert.equal(net.requests.length, 0);
});

test("a hidden tab's writes are answered, and after the last of them it reads what there is", async () => {
  await live();
  look(false);
  write(1);
  write(2);
  session().json(200, { version: 4 });
  await idle();
  session().json(200, { version: 7 });
  await idle();
  assert.deepEqual(frames, [{ type: "ok", id: 1, version: 4 }, { type: "ok", id: 2, version: 7 }]);
  const read = session();
  assert.deepEqual([read.method, read.headers], [undefined, { "Session-Id": ID, "If-None-Match": `"${ID}:3"` }]);
  read.json(200, sessionFrame({ version: 8, data: { n: 2 } }));
  await idle();
  assert.deepEqual([frames.at(-1).type, frames.at(-1).version], ["session", 8]);
  look(true);
  assert.equal(events().headers["Last-Event-ID"], `${ID}:8`);
});

test("a hidden tab hears where the session is before it hears of a conflict", async () => {
  await live();
  look(false);
  write(1, { set: { n: 1 }, if_version: 3 });
  session().json(409, { code: "conflict", detail: "", version: 5 });
  await idle();
  assert.deepEqual(frames, []);
  session().json(200, sessionFrame({ version: 5 }));
  await idle();
  assert.deepEqual(frames.map((f) => f.code ?? f.type), ["session", "conflict"]);
});

test("what a hidden tab reads does not get into a stream that was opened meanwhile", async () => {
  await live();
  look(false);
  write(1);
  session().json(200, { version: 4 });
  await idle();
  const read = session();
  look(true);
  events().stream().event(change(3, 4), `${ID}:4`);
  await idle();
  read.json(200, sessionFrame({ version: 4 }));
  await idle();
  assert.deepEqual(frames.map((f) => f.type), ["ok", "change"]);
});

test("asked for a sign of life, a stream that had one since the last time is kept; a silent one is opened anew", async () => {
  const stream = await live();
  for (const heartbeat of ["", ":\n\n"]) {
    stream.feed(heartbeat);
    await idle();
    socket.send('{"ping":true}');
    assert.deepEqual(frames.splice(0), [{ type: "pong" }]);
  }
  assert.equal(events(), undefined);
  socket.send('{"ping":true}');
  assert.equal(events().headers["Last-Event-ID"], `${ID}:3`);
  await idle();
  assert.deepEqual([frames, closes, net.open], [[], [], 0]);
});

test("asked for everything, it opens the stream anew, without a version", async () => {
  await live();
  socket.send('{"get":true}');
  assert.equal(events().headers["Last-Event-ID"], `${ID}:`);
  await idle();
  assert.deepEqual([closes, net.open], [[], 0]);
});

/** Locks as a browser has them, for all who open a connection here; `taken` are in other windows. */
function locks(...taken) {
  const held = new Set(taken);
  const request = async (name, { ifAvailable }, fn) => {
    assert.ok(ifAvailable);
    if (held.has(name)) return fn(null);
    held.add(name);
    try {
      return await fn({ name });
    } finally {
      held.delete(name);
    }
  };
  browser({ locks: { request } });
  return held;
}

test("a stream keeps one of four places, and gives it back", async () => {
  const held = locks("seshd-events-0", "seshd-events-1", "seshd-events-2");
  connect();
  await idle();
  const stream = events().stream();
  stream.event(change(3, 3), `${ID}:3`);
  await idle();
  assert.equal(held.size, 4);
  look(false);
  await idle();
  assert.equal(held.size, 3);
  look(true);
  await idle();
  assert.deepEqual([held.size, events().headers["Last-Event-ID"]], [4, `${ID}:3`]);
  socket.close();
  await idle();
  assert.equal(held.size, 3);
});

test("a window without a place asks now and then, until there is one", async () => {
  const held = locks("seshd-events-0", "seshd-events-1", "seshd-events-2", "seshd-events-3");
  connect();
  const asked = async () => (await idle(), session());
  let request = await asked();
  assert.equal(request.headers["If-None-Match"], `"${ID}:3"`);
  request.text(304, null);
  await idle();
  assert.deepEqual(frames.splice(0), [change(3, 3)]);

  mock.timers.tick(2_000);
  request = await asked();
  request.json(200, sessionFrame({ version: 4, data: { n: 1 } }));
  await idle();
  assert.deepEqual(frames.splice(0), [sessionFrame({ version: 4, data: { n: 1 } })]);

  held.delete("seshd-events-2");
  mock.timers.tick(2_000);
  await idle();
  assert.equal(session(), undefined);
  assert.equal(events().headers["Last-Event-ID"], `${ID}:4`);
  mock.timers.tick(60_000);
  await idle();
  assert.deepEqual([session(), events(), closes], [undefined, undefined, []]);
});

test("what was read before a write is not told after it", async () => {
  locks("seshd-events-0", "seshd-events-1", "seshd-events-2", "seshd-events-3");
  connect();
  await idle();
  const early = session();
  write(1);
  session().json(200, { version: 5 });
  await idle();
  const late = session();
  early.json(200, sessionFrame({ version: 4 }));
  await idle();
  assert.deepEqual(frames.map((f) => [f.type, f.version]), [["ok", 5]]);
  late.json(200, sessionFrame({ version: 5 }));
  await idle();
  assert.deepEqual(frames.map((f) => [f.type, f.version]), [["ok", 5], ["session", 5]]);
});

test("a window that asks now and then stops when it is hidden, and when it is closed", async () => {
  locks("seshd-events-0", "seshd-events-1", "seshd-events-2", "seshd-events-3");
  connect();
  const next = async () => {
    mock.timers.tick(2_000);
    await idle();
    return session();
  };
  (await next()).text(304, null);
  await idle();
  look(false);
  assert.equal(await next(), undefined);
  look(true);
  (await next()).text(304, null);
  await idle();
  socket.close();
  assert.equal(await next(), undefined);
});

test("seen after a while, it tries a WebSocket, and makes way for one that speaks", async (t) => {
  const tried = [];
  t.after(() => Reflect.deleteProperty(globalThis, "WebSocket"));
  const given = class {
    constructor(url) {
      this.url = url;
      tried.push(this);
    }
    close() {
      this.closed = true;
    }
  };
  Object.defineProperty(globalThis, "WebSocket", { value: given, configurable: true });
  await live();
  look(true);
  assert.equal(tried.length, 0);
  now = 300_000;
  look(false);
  assert.equal(tried.length, 0);
  look(true);
  look(true);
  assert.deepEqual(tried.map((s) => s.url), [URL_OF_IT]);
  tried[0].onmessage();
  assert.deepEqual([closes, tried[0].closed, net.open], [[1012], true, 0]);
});

test("closed, it leaves no stream and no listener, and the write under way alone", async () => {
  await live();
  write(1);
  write(2);
  const post = session();
  socket.close();
  look(true);
  assert.equal(post.signal.aborted, false);
  post.json(200, { version: 4 });
  await idle();
  assert.deepEqual([frames, closes, net.open], [[], [], 0]);
  assert.deepEqual([session(), events()], [undefined, undefined]);
});

// What docs/PROTOCOL.md lets a newer server send.
test("an event and its lines that are not known are for seshd.js to ignore", async () => {
  const stream = await live();
  const weather = { type: "weather", set: { n: 1 } };
  stream.feed(`retry: 9\nevent: weather\nid: ${ID}:3\nsky: grey\ndata: ${JSON.stringify(weather)}\n\n`);
  stream.event({ ...change(3, 4, { n: 2 }), weather: "rain" }, `${ID}:4`);
  await idle();
  assert.deepEqual(frames, [weather, { ...change(3, 4, { n: 2 }), weather: "rain" }]);
  assert.deepEqual([closes, socket.readyState], [[], 1]);
});
