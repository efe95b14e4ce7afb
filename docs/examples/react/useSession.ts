import { useMemo, useSyncExternalStore } from "react";
import type { Session, Snapshot } from "/seshd.js";

/**
 * What `select` takes from a session's snapshot; the component renders again when that becomes something else.
 * The session is the page's: it is opened once, outside of all components, and stays when they go.
 */
export function useSession<T, R>(session: Session<T>, select: (snapshot: Snapshot<T>) => R): R {
  // A selector may make a new object each time: it is asked once for each snapshot, else React would render for ever.
  const selected = useMemo(() => {
    let from: Snapshot<T> | undefined;
    let part: R;
    return () => {
      const snapshot = session.getSnapshot();
      if (snapshot !== from) [from, part] = [snapshot, select(snapshot)];
      return part;
    };
  }, [session, select]);
  return useSyncExternalStore(session.subscribe, selected);
}
