// What this tab has seen since it was opened: one moment a line of the timeline. The server keeps no history; this is all there is.

// So many moments are kept. Each holds the session as it was then, but shares with its neighbours the values that did not change.
const KEPT = 500;

const moments = []; // oldest first
const listeners = new Set();

/**
 * Adds a moment: `by` whom; `text` or a `change` ({ from, version, set, deleted, before, mutation }); and, where it is known,
 * `state`, the session then ({ id, version, data }, with data a Map).
 */
export function add(moment) {
  moment.at = new Date();
  moments.push(moment);
  if (moments.length > KEPT) moments.shift();
  for (const fn of listeners) fn(moment);
}

export const onSeen = (fn) => listeners.add(fn);
export const isKept = (moment) => moments.includes(moment);

/** The nearest moment before (-1) or after (1) one whose state is another version. */
export function neighbour(moment, direction) {
  const differs = ({ state }) => state && (state.version !== moment.state.version || state.id !== moment.state.id);
  let i = moments.indexOf(moment);
  if (i < 0 && direction < 0) return undefined; // it is no longer kept: all others are later
  do i += direction;
  while (moments[i] && !differs(moments[i]));
  return moments[i];
}
