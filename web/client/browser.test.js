// What only a browser has: events of the page, Web Locks. Set up as globals here, the way a page has them.
import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { wire } from "./fake_http.js";
import { ID, idle, json, scripted, sessionFrame } from "./fake_server.js";
import { open } from "./seshd.js";

let page, s;
beforeEach(() => {
  page = new EventTarget();
  globalThis.addEventListener = page.addEventListener.bind(page);
  globalThis.removeEventListener = page.removeEventListener.bind(page);
  globalThis.document = { hidden: false };
  browser({});
  mock.timers.enable({ apis: ["setTimeout"] });
});
afterEach(() => {
  s.close();
  mock.timers.reset();
  delete globalThis.addEventListener;
  delete globalThis.removeEventListener;
  delete globalThis.document;
  Reflect.deleteProperty(globalThis, "navigator");
});

const browser = (value) => Object.defineProperty(globalThis, "navigator", { value, configurable: true });
const locks = (request) => browser({ locks: { request } });
const happens = (type) => page.dispatchEvent(new Event(type));

async function live() {
  const net = scripted(() => json(200, sessionFrame({ version: 3 })));
  s = open({ url: "http://shop.test/", WebSocket: net.WebSocket, fetch: net.fetch });
  await idle();
  net.socket.tell(sessionFrame({ version: 3 }));
  return net;
}

for (const type of ["online", "visibilitychange", "pageshow"])
  test(`${type} ends the wait at once`, async () => {
    const net = await live();
    net.socket.hangUp(1006);
    happens(type);
    await idle();
    assert.equal(net.sockets.length, 2);
    mock.timers.tick(9_000); // the wait it replaced is gone: no second attempt beside it
    await idle();
    assert.equal(net.sockets.length, 2);
  });

test("a silent socket is found within 2 s of the page becoming visible", async () => {
  const net = await live();
  happens("visibilitychange");
  assert.deepEqual(net.socket.lines, [{ ping: true }]);
  mock.timers.tick(1_999);
  assert.equal(s.getSnapshot().status, "live");
  mock.timers.tick(1);
  assert.equal(s.getSnapshot().status, "offline");
  assert.ok(net.sockets[0].closed);
});

test("any frame proves the socket alive; a hidden page asks nothing", async () => {
  const net = await live();
  happens("visibilitychange");
  net.socket.tell({ type: "pong" });
  mock.timers.tick(29_999);
  assert.equal(s.getSnapshot().status, "live");
  document.hidden = true;
  happens("visibilitychange");
  mock.timers.tick(60_000);
  assert.equal(net.socket.lines.length, 1);
  assert.equal(s.getSnapshot().status, "live");
});

test("a page that is seen asks after 30 s of silence, and gives up a socket that does not answer", async () => {
  const net = await live();
  mock.timers.tick(29_999);
  net.socket.tell({ type: "tabs", tabs: 2 });
  mock.timers.tick(29_999);
  assert.deepEqual(net.socket.lines, []);
  mock.timers.tick(1);
  assert.deepEqual(net.socket.lines, [{ ping: true }]);
  net.socket.tell({ type: "pong" });
  mock.timers.tick(30_000);
  assert.equal(net.socket.lines.length, 2);
  mock.timers.tick(1_999);
  assert.equal(s.getSnapshot().status, "live");
  mock.timers.tick(1);
  assert.equal(s.getSnapshot().status, "offline");
  assert.ok(net.sockets[0].closed);
});

test("pagehide closes the socket, pageshow opens one and sends what waited", async () => {
  const net = await live();
  s.incr("n").catch(() => {});
  happens("pagehide");
  assert.ok(net.sockets[0].closed);
  document.hidden = true;
  happens("visibilitychange"); // comes after pagehide
  mock.timers.tick(60_000);
  await idle();
  assert.equal(net.sockets.length, 1);
  document.hidden = false;
  happens("pageshow");
  await idle();
  net.socket.tell({ type: "change", from: 3, version: 4, set: { n: 1 }, delete: [] });
  assert.deepEqual(net.socket.lines, [{ incr: { n: 1 }, id: 1 }]);
});

test("a socket that never says anything is given up after 10 s", async () => {
  const net = await live();
  net.socket.hangUp(1006);
  happens("online");
  await idle();
  mock.timers.tick(10_000);
  assert.equal(s.getSnapshot().status, "offline");
  assert.ok(net.sockets[1].closed);
});

test("close leaves no listener and no socket behind, also while connecting", async () => {
  const net = scripted();
  s = open({ url: "http://shop.test/", WebSocket: net.WebSocket, fetch: net.fetch });
  s.close();
  happens("pageshow");
  await idle();
  assert.equal(net.sockets.length, 0);
});

test("GET /session runs inside the lock", async () => {
  const order = [];
  locks(async (name, options, fn) => {
    order.push(`${name} asked`);
    await fn();
    order.push("released");
  });
  const net = scripted(() => (order.push("GET"), json(200, sessionFrame())));
  s = open({ url: "http://shop.test/", WebSocket: net.WebSocket, fetch: net.fetch });
  await s.ready;
  assert.deepEqual(order, ["seshd asked", "GET", "released"]);
});

test("a lock that is never given does not stop us", async () => {
  locks(async () => {
    throw new DOMException("waited long enough", "TimeoutError");
  });
  const net = scripted();
  s = open({ url: "http://shop.test/", WebSocket: net.WebSocket, fetch: net.fetch });
  await s.ready;
  assert.equal(net.requests.length, 1);
});

/** A page whose sockets never say anything: what it asks for over HTTP waits in `http`. */
function blocked() {
  const net = scripted();
  const http = wire();
  s = open({ url: "http://shop.test/", WebSocket: net.WebSocket, fetch: http.fetch });
  const session = async () => {
    await idle();
    http.next("/session").json(200, sessionFrame({ version: 3 }));
    await idle();
  };
  const wait = async () => {
    mock.timers.tick(20_000);
    await session();
  };
  return { net, http, session, wait };
}

test("two silent sockets, and a server that answers: the event stream takes their place", async () => {
  const { net, http, session, wait } = blocked();
  await session();
  net.socket.hangUp(1006);
  s.incr("n");
  await wait();
  net.socket.hangUp(1006);
  assert.equal(http.next("/session/events"), undefined);
  await wait();
  assert.equal(net.sockets.length, 2);
  const request = await http.comes("/session/events"); // its file has to be loaded
  assert.equal(request.headers["Last-Event-ID"], `${ID}:3`);
  const stream = request.stream();
  stream.event({ type: "change", from: 3, version: 3, set: {}, delete: [] }, `${ID}:3`);
  await idle();
  assert.equal(s.getSnapshot().status, "live");
  const post = http.next("/session");
  assert.equal(post.headers["Idempotency-Key"], `${net.socket.url.searchParams.get("client")}:1`);
  post.json(200, { version: 4 });
  await idle();
  assert.deepEqual({ ...s.getSnapshot() }, { data: { n: 1 }, version: 3, status: "live", pending: 0, tabs: 1 });
  stream.event({ type: "change", from: 3, version: 4, set: { n: 1 }, delete: [] }, `${ID}:4`);
  await idle();
  assert.deepEqual({ ...s.getSnapshot() }, { data: { n: 1 }, version: 4, status: "live", pending: 0, tabs: 1 });

  // With the next connection one socket is tried; while that is silent too, the stream is back.
  stream.cut();
  await idle();
  await wait();
  assert.equal(net.sockets.length, 3);
  net.socket.hangUp(1006);
  await wait();
  const again = http.next("/session/events").stream();
  again.event({ type: "change", from: 4, version: 4, set: {}, delete: [] }, `${ID}:4`);
  await idle();
  assert.equal(s.getSnapshot().status, "live");
  again.cut();
  await idle();
  await wait();
  net.socket.tell({ type: "change", from: 4, version: 4, set: {}, delete: [] });
  assert.deepEqual([net.sockets.length, s.getSnapshot().status], [4, "live"]);
  net.socket.hangUp(1006);
  mock.timers.tick(20_000);
  await idle();
  assert.equal(net.sockets.length, 5); // at once, as ever
  assert.equal(http.next("/session"), undefined);
});

test("a server that restarts lets no socket through, which says nothing about the network", async () => {
  const { net, http, session, wait } = blocked();
  await session();
  for (let i = 0; i < 2; i++) {
    net.socket.hangUp(1006);
    await wait();
  }
  const stream = (await http.comes("/session/events")).stream();
  stream.event({ type: "change", from: 3, version: 3, set: {}, delete: [] }, `${ID}:3`);
  await idle();
  stream.event({ type: "bye", code: "restarting", message: "this server restarts" });
  await idle();
  mock.timers.tick(20_000);
  await idle();
  for (const sockets of [3, 4]) {
    assert.equal(net.sockets.length, sockets);
    net.socket.hangUp(1006);
    await wait(); // for what is answered on a connection that was there before
  }
  assert.equal(http.next("/session/events"), undefined);
  assert.equal(net.sockets.length, 5);
});

test("a server that is down is no blocked WebSocket", async () => {
  const { net, http, session, wait } = blocked();
  await session();
  net.socket.hangUp(1006);
  for (let i = 0; i < 5; i++) {
    mock.timers.tick(20_000);
    await idle();
    http.next("/session").fail();
    await idle();
  }
  assert.equal(net.sockets.length, 1);
  await wait();
  assert.equal(net.sockets.length, 2);
  net.socket.tell(sessionFrame({ version: 3 }));
  assert.equal(s.getSnapshot().status, "live");
});

test("a socket that is told why it may not stay is not silent", async () => {
  const { net, http, session, wait } = blocked();
  await session();
  for (let i = 0; i < 5; i++) {
    net.socket.hangUp(4229, { code: "too_many_tabs" });
    await wait();
  }
  assert.equal(net.sockets.length, 6);
  assert.equal(http.next("/session/events"), undefined);
});
