// What must be true once the network is quiet and everything is answered.
import assert from "node:assert/strict";
import { sumOfHits } from "./page.mjs";

/** pages are all those of one session; server is what GET /session answers. */
export const judge = (server, pages) => {
  for (const p of pages.filter((p) => !p.closed)) {
    const { data, version, pending } = p.session.getSnapshot();
    assert.deepEqual({ data, version, pending }, { data: server.data, version: server.version, pending: 0 }, `${p.name} and the server`);
  }
  itemsAreThereOnce(server.data.log ?? [], pages);
  assert.equal(server.data.hits ?? 0, sumOfHits(server.data), "parts of one mutation");
  for (const p of pages) {
    counted(server.data[`hits.${p.name}`], [p], "hits");
    for (const slot of new Set(p.writes.map((w) => w.slot).filter(Boolean))) holdsTheLast(server.data, p, slot);
  }
  for (const key of ["taps", "tally"]) counted(server.data[key], pages, key);
  for (const key of ["_secret", "huge"]) assert.equal(server.data[key], undefined, key);
};

const itemsAreThereOnce = (log, pages) => {
  const left = new Set(log);
  assert.equal(left.size, log.length, `an item twice: ${log}`);
  for (const w of pages.flatMap((p) => p.writes).filter((w) => w.item)) {
    const there = left.delete(w.item);
    if (w.outcome != "unknown") assert.equal(there, w.outcome == "stored", `${w.item} was ${w.outcome}`);
  }
  assert.deepEqual([...left], [], "nobody wrote these");
};

const counted = (n = 0, pages, key) => {
  const writes = pages.flatMap((p) => p.writes).filter((w) => w.counts == key);
  const stored = writes.filter((w) => w.outcome == "stored").length;
  const unknown = writes.filter((w) => w.outcome == "unknown").length;
  assert.ok(n >= stored && n <= stored + unknown, `${key} is ${n}, with ${stored} stored and ${unknown} unknown`);
};

/** Only this page writes the slot, so its last write counts, or one of those after it whose end is unknown. */
const holdsTheLast = (data, page, slot) => {
  const [key, inside] = slot.split(" ");
  const found = inside ? data[key]?.[inside] : data[key];
  const writes = page.writes.filter((w) => w.slot == slot && w.outcome != "refused");
  const last = writes.findLastIndex((w) => w.outcome == "stored");
  const may = writes.slice(page.reordered(inside ?? key) ? 0 : Math.max(last, 0)).map((w) => w.value);
  if (last < 0) may.push(undefined);
  assert.ok(may.includes(found), `${slot} is ${found}, not ${may}`);
};

/** Nothing of one session was ever told to a page of another. */
export const isApart = (pages, others) => {
  const theirs = others.flatMap((p) => [p.mark, p.session.id]);
  for (const p of pages)
    for (const text of p.heard)
      for (const secret of theirs) assert.ok(!text.includes(secret), `${p.name} heard ${text}, which has ${secret}`);
};
