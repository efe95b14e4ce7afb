// What only a browser has: events of the page, Web Locks. Set up as globals here, the way a page has them.
import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { idle, json, scripted, sessionFrame } from "./fake_server.js";
import { open } from "./seshd.js";

let page, s;
beforeEach(() => {
  page = new EventTarget();
  globalThis.addEventListener = page.addEventListener.bind(page);
  globalThis.removeEventListener = page.removeEventListener.bind(page);
  globalThis.document = { hidden: false };
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

const locks = (request) => Object.defineProperty(globalThis, "navigator", { value: { locks: { request } }, configurable: true });
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
  mock.timers.tick(60_000);
  assert.equal(s.getSnapshot().status, "live");
  document.hidden = true;
  happens("visibilitychange");
  assert.equal(net.socket.lines.length, 1);
});

test("pagehide closes the socket, pageshow opens one and sends what waited", async () => {
  const net = await live();
  s.incr("n").catch(() => {});
  happens("pagehide");
  assert.ok(net.sockets[0].closed);
  mock.timers.tick(60_000);
  await idle();
  assert.equal(net.sockets.length, 1);
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
