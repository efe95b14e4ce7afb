// Runs one seed of TestClientsConvergeThroughABadNetwork, which makes the network, the server and this process.
// It prints a line for each step that it takes, "written" after the last, waits for a line on its input that says
// the network is quiet now, and judges. Exit 0: all is as it must be.
import { once } from "node:events";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { Page } from "./page.mjs";
import { plan, seeded } from "./plan.mjs";
import { isApart, judge } from "./verdict.mjs";

const { seed, proxy, server, client, wscat } = JSON.parse(process.argv[2]);
const { WebSocket } = createRequire(wscat)("ws");
const { open } = await import(pathToFileURL(client));

// The client waits up to 10 s for an answer and up to 20 s before the next attempt. Here time goes faster for it.
const FASTER = 20;
const realTimeout = setTimeout;
globalThis.setTimeout = (fn, ms, ...args) => realTimeout(fn, ms / FASTER, ...args);
const abortAfter = AbortSignal.timeout.bind(AbortSignal);
AbortSignal.timeout = (ms) => abortAfter(ms / FASTER);
const pause = (ms) => new Promise((yes) => realTimeout(yes, ms));

Math.random = seeded(seed);
const random = seeded(~seed);

/** A cookie of its own and pages that share it. */
async function visitor(mark, names) {
  const response = await fetch(new URL("session", server));
  const cookie = response.headers.get("set-cookie").split(";")[0];
  const post = { method: "POST", headers: { cookie, "content-type": "application/json" }, body: '{"set":{"word":"plum"}}' };
  await fetch(new URL("session", server), post);
  const pages = names.map((name) => new Page({ name, mark, cookie, url: proxy, open, WebSocket }));
  const read = async () => (await fetch(new URL("session", server), { headers: { cookie } })).json();
  return { pages, read };
}

async function act(page, steps) {
  for (const step of steps) {
    if (step.wait) await pause(step.wait);
    page.step(step);
    console.log(step.kind);
  }
  if (page.away) page.tell("pageshow");
}

const reaches = (session, ok) =>
  new Promise((yes) => {
    const off = session.subscribe(() => check());
    const check = () => ok(session.getSnapshot()) && (off(), yes());
    check();
  });

/** Waits until nothing is on its way any more, and returns what the server holds then. */
async function settled({ pages, read }) {
  const open = pages.filter((p) => !p.closed);
  for (;;) {
    await Promise.all(pages.flatMap((p) => p.writes.map((w) => w.settled)));
    await Promise.all(open.map((p) => p.session.flush()));
    const { version } = await read();
    await Promise.all(open.map((p) => reaches(p.session, (s) => s.version >= version && s.status == "live")));
    // What a page that closed had sent may still come in.
    const now = await read();
    if (open.every((p) => p.session.getSnapshot().version == now.version)) return now;
  }
}

const ours = await visitor(`ours-${seed}`, ["a", "b", "c", "d", "e"].slice(0, 3 + Math.floor(random() * 3)));
const theirs = await visitor(`theirs-${seed}`, ["z"]);
const all = [...ours.pages, ...theirs.pages];
realTimeout(() => {
  for (const p of all) {
    const left = p.writes.filter((w) => w.outcome == "open");
    const known = { ...p.session.getSnapshot(), open: left.slice(0, 3), heard: p.heard.slice(-3) };
    console.log(p.name, JSON.stringify(known).slice(0, 5_000));
  }
  console.log("not settled");
  process.exit(1);
}, 25_000);

const leaves = random() < 0.4; // one page is closed before the others are done
const quiet = once(process.stdin, "data");
await Promise.all(all.map((page, i) => act(page, plan(random, { closes: leaves && i == 0 }))));
console.log("written");
await quiet;

for (const group of [ours, theirs]) judge(await settled(group), group.pages);
isApart(ours.pages, theirs.pages);
isApart(theirs.pages, ours.pages);
const failures = all.flatMap((p) => p.failures.map((f) => `${p.name}: ${f}`));
for (const f of failures.slice(0, 5)) console.log(f);
const sum = (ok) => all.reduce((n, p) => n + p.count(ok), 0);
const heard = (what) => all.reduce((n, p) => n + p.heard.filter((text) => text.includes(what)).length, 0);
const stats = Object.fromEntries(["stored", "refused", "unknown"].map((o) => [o, sum((w) => w.outcome == o)]));
console.log(JSON.stringify({ ...stats, again: heard('"duplicate":true'), moved: heard('"not_applied"') }));
process.exit(failures.length ? 1 : 0);
