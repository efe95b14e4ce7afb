/** What JSON can say. Numbers are JavaScript's: beyond 2^53 the server keeps digits that a tab does not see. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

export type Status =
  /** The first request, or a socket, is under way. */
  | "connecting"
  /**
   * Changes come as they happen. Where no WebSocket gets through, they come to a hidden tab when it is seen again, and to
   * a window beyond four that are seen every two seconds.
   */
  | "live"
  /** Waiting to try again; writes are kept. */
  | "offline"
  /** For good: `close()` was called, or the server said not to come back. */
  | "closed";

/** A value as the client hands it out: frozen, at every depth. (A string may be an object to TypeScript too, if it has a brand.) */
export type Frozen<V> = [Json] extends [V]
  ? V
  : V extends string | number | boolean
    ? V
    : V extends object
      ? { readonly [K in keyof V]: Frozen<V[K]> }
      : V;

/** Some keys of a session. Any may be missing: a new session is empty, and another tab may delete. */
export type Data<T> = { readonly [K in keyof T]?: Frozen<T[K]> };

/** A value to write. Not `undefined`, which JSON cannot say: to remove a key, delete it. */
export type Value<V> = Frozen<Exclude<V, undefined>>;

/** Frozen through and through; the same object until something changes. */
export interface Snapshot<T> {
  /** The session with the writes still pending on top. */
  readonly data: Data<T>;
  /** The version of what the server confirmed of it. */
  readonly version: number;
  readonly status: Status;
  /** Writes without an answer yet. */
  readonly pending: number;
  /** Open tabs of this session, everywhere; where no WebSocket gets through, those that are seen, of one browser four at most. */
  readonly tabs: number;
}

/** All or nothing, in this order: clear, delete, set, merge, append, incr. A key may be in one of them only. */
export interface Mutation<T> {
  clear?: true;
  delete?: readonly (keyof T & string)[];
  set?: { readonly [K in keyof T]?: Value<T[K]> };
  /** RFC 7396: null deletes, at every depth. */
  merge?: { [K in keyof T]?: Patch<T[K]> };
  append?: { [K in keyof T]?: Items<T[K]> };
  incr?: { [K in keyof T]?: number extends T[K] ? number : never };
  /** Applies only if the session is at this version, else `conflict`. */
  if_version?: number;
}

/** A merge patch for a value: null, some members of an object, or what takes the value's place. */
export type Patch<V> =
  | null
  | (V extends readonly unknown[] | string | number | boolean ? Frozen<V> : V extends object ? { [K in keyof V]?: Patch<V[K]> } : V);

/** What can be appended to a value: nothing unless it is an array. */
export type Items<V> = V extends readonly (infer I)[] ? readonly Frozen<I>[] : never;

/** A write is durable: on disk, or acknowledged by the store. */
export interface Written {
  version: number;
}

export interface SeshdError extends Error {
  /**
   * One of the server's codes (`conflict`, `too_large`, `forbidden_key`, `not_a_number`, …), or one of ours:
   * `queue_full` (100 writes wait already), `other_session` (it was meant for a session that is no longer
   * this browser's), `closed`, `bad_request` (not JSON).
   */
  code: string;
  /** With `conflict`: where the session is. */
  version?: number;
}

/** What took the session from one version to the next, or a whole session where that cannot be told. */
export type Change<T> =
  | {
      readonly type: "change";
      readonly from: number;
      readonly version: number;
      readonly set: Data<T>;
      readonly delete: readonly string[];
      /** Absent where several changes came folded into one. */
      readonly by?: "tab" | "http" | "api" | "code";
    }
  | {
      readonly type: "session";
      readonly id: string;
      readonly version: number;
      readonly data: Data<T>;
      readonly tabs: number;
      /** RFC 3339. */
      readonly expires: string;
      /** The session that this one absorbed at a login. */
      readonly continues?: string;
    };

/** Why the server closes the connection: `destroyed`, `rotated`, `expired`, `too_many_tabs`, … */
export interface Bye {
  readonly code: string;
  readonly message: string;
  readonly into?: string;
}

export interface Session<T> {
  /** Settles once: when the session is known, or, with an error, when it was closed before that. */
  readonly ready: Promise<void>;
  /** The session's public name, 32 hex digits; not a secret. */
  readonly id: string | undefined;
  /** RFC 3339, as the server said it with the last whole session. */
  readonly expires: string | undefined;

  /** These two are what React's useSyncExternalStore takes. */
  subscribe(fn: () => void): () => void;
  getSnapshot(): Snapshot<T>;

  /** Returns a function that ends it. A change is reported when the snapshot shows it. */
  on(event: "change", fn: (change: Change<T>) => void): () => void;
  on(event: "status", fn: (status: Status) => void): () => void;
  on(event: "bye", fn: (bye: Bye) => void): () => void;

  /*
   * Each write shows in the snapshot at once, and is taken back if the server refuses it. Without a connection
   * up to 100 of them wait; each arrives once, in order. The promise settles with the server's answer, however
   * long that takes; a rejection is a SeshdError.
   */
  set<K extends keyof T & string>(key: K, value: Value<T[K]>): Promise<Written>;
  merge(patch: NonNullable<Mutation<T>["merge"]>): Promise<Written>;
  incr<K extends keyof T & string>(key: number extends T[K] ? K : never, by?: number): Promise<Written>;
  append<K extends keyof T & string>(key: K, values: Items<NonNullable<T[K]>>): Promise<Written>;
  delete(...keys: (keyof T & string)[]): Promise<Written>;
  clear(): Promise<Written>;
  apply(mutation: Mutation<T>): Promise<Written>;

  /** Reads, computes, compares and sets, until nobody came in between: `fn` may run several times. */
  update<K extends keyof T & string>(key: K, fn: (value: Frozen<T[K]> | undefined) => Value<T[K]>): Promise<Written>;

  /** Resolves when all that is pending now is answered, one way or the other. */
  flush(): Promise<void>;

  /** Ends the connection; what is pending is rejected with `closed`. */
  close(): void;
}

/** What is asked of a WebSocket: a browser's, Node's own and that of the package ws all have it. */
export interface Socket {
  readonly readyState: number;
  onmessage: ((event: any) => void) | null;
  onclose: ((event: any) => void) | null;
  onerror: ((event: any) => void) | null;
  send(line: string): void;
  close(): void;
}

/** What is asked of fetch: one GET. Named in full, so that these types need neither a browser's nor Node's. */
export type Fetch = (
  url: any, // a URL
  options: { credentials: "include"; headers: Record<string, string>; signal: any },
) => Promise<{ readonly ok: boolean; text(): Promise<string> }>;

export interface Options {
  /** Where the server is, with a final slash; "/" if not given. Outside a browser it must be absolute. */
  url?: string;
  /** The two that carry the session's cookie. Only a browser's do so by themselves: elsewhere, give your own. */
  WebSocket?: new (url: string) => Socket;
  fetch?: Fetch;
}

/** Returns at once and never throws; what goes wrong is told by `status` and `ready`. */
export function open<T extends object = Record<string, Json>>(options?: Options): Session<T>;
