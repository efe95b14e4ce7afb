/**
 * One key of a session as a writable store: `$fruit` reads it, `$fruit = "plums"` sets it in every tab.
 * The session is the page's, and stays when the last subscriber goes.
 */
export function sessionStore(session, key) {
  const value = () => session.getSnapshot().data[key];
  return {
    subscribe(fn) {
      let last = value();
      fn(last); // at once, as the store contract asks
      return session.subscribe(() => {
        const now = value();
        if (now !== last) fn((last = now));
      });
    },
    set: (next) => session.set(key, next),
    update: (fn) => session.update(key, fn), // compares and sets: what another tab writes meanwhile is not lost
  };
}

/** All of the snapshot, to read: `$snapshot.status`, `$snapshot.tabs`. */
export const snapshotStore = (session) => ({
  subscribe(fn) {
    fn(session.getSnapshot());
    return session.subscribe(() => fn(session.getSnapshot()));
  },
});
