// What each page does and when, drawn before anything runs: no timing changes a plan.

/** mulberry32 */
export const seeded = (seed) => () => {
  seed = (seed + 0x6d2b79f5) | 0;
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
};

// How often each kind of step comes. The last three are no writes: they are what a browser tells a page.
const WEIGHTS = {
  count: 16, // of all and of its own, in one mutation
  tap: 8, // of all
  append: 16,
  set: 10,
  drop: 4,
  merge: 10,
  unmerge: 3,
  update: 8,
  turn: 4, // a key that everybody sets
  refused: 6, // in whole: what is appended beside an impossible incr
  secret: 2, // a private key
  visible: 4,
  online: 3,
  away: 2, // into the back-forward cache, and out at the next step
};

const SLOTS = 4;

const pick = (random) => {
  let dice = random() * Object.values(WEIGHTS).reduce((a, b) => a + b);
  return Object.keys(WEIGHTS).find((kind) => (dice -= WEIGHTS[kind]) < 0);
};

/** The steps of one page: { kind, wait, slot }; wait is in ms, and in bursts there is none. */
export const plan = (random, { steps = 40, closes = false }) => {
  const out = [];
  let burst = 0;
  while (out.length < steps) {
    if (burst-- <= 0) burst = random() < 0.2 ? 3 + Math.floor(random() * 8) : 0;
    out.push({ kind: pick(random), wait: burst > 0 ? 0 : Math.floor(random() * 40), slot: Math.floor(random() * SLOTS) });
  }
  // At most one: where several lines are under way, the client takes the longest for the one that was too long.
  if (random() < 0.3) out[Math.floor(random() * steps)].kind = "huge";
  if (closes) out.splice(Math.floor(steps / 2 + (random() * steps) / 2), steps, { kind: "close", wait: 0 });
  return out;
};
