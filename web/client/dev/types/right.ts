// All of this must compile.
import { open, type Change, type Json, type Mutation, type Session, type SeshdError, type Snapshot, type Status, type Written } from "seshd";
import type { Shop, UserId } from "./shop.js";

/** The same type, not only one that fits. */
type Same<A, B> = (<X>() => X extends A ? 1 : 2) extends <X>() => X extends B ? 1 : 2 ? true : false;
const holds = <T extends true>(): T | void => {};

const s = open<Shop>({ url: "https://shop.test/" });
holds<Same<typeof s, Session<Shop>>>();

// Every write resolves to where it landed.
const written: Promise<Written>[] = [
  s.set("fruit", "cherries"),
  s.set("nothing", null),
  s.set("note", "fresh"),
  s.set("tags", ["a"]),
  s.set("owner", "u42" as UserId),
  s.merge({ owner: "u42" as UserId }),
  s.set("point", [1, 2]),
  s.incr("visits"),
  s.incr("visits", -1),
  s.incr("count", 0.5),
  s.incr("either"),
  s.append("log", ["hello"]),
  s.append("log", ["hello"] as const),
  s.append("tags", ["b"]),
  s.append("orders", [{ sku: "plums", gifts: [] }]),
  s.merge({ cart: { cherries: 2, plums: null }, note: null, fruit: "plums" }),
  s.merge({ log: ["all of it"] }),
  s.delete("fruit", "note"),
  s.delete(),
  s.clear(),
  s.update("visits", (n = 0) => n * 2),
  s.update("note", (old) => (old ?? "") + "!"),
  s.update("log", (log = []) => [...log, "more"]),
  s.update("cart", (cart) => ({ ...cart, plums: 1 })),
  s.apply({ clear: true, set: { fruit: "plums" }, delete: ["paid"], merge: { cart: { plums: 1 } }, append: { log: ["x"] }, incr: { visits: 1 }, if_version: 7 }),
  s.apply({}),
];
written[0]?.then(({ version }) => version.toFixed());

// What is read: any key may be missing, and nothing of it can be changed.
const { data, version, status, pending, tabs }: Snapshot<Shop> = s.getSnapshot();
holds<Same<typeof data.visits, number | undefined>>();
holds<Same<typeof data.log, readonly string[] | undefined>>();
holds<Same<typeof data.owner, UserId | undefined>>();
holds<Same<typeof data.point, readonly [x: number, y: number] | undefined>>();
const gift: string | undefined = data.orders?.[0]?.gifts[0];
const numbers: number[] = [version, pending, tabs, data.cart?.["plums"] ?? 0];
const known: Status = status;
const still: boolean = status === "live" || status === "connecting" || status === "offline" || status === "closed";

// What was read can be written again.
if (data.log && data.orders && data.point) {
  s.set("log", data.log);
  s.append("orders", data.orders);
  s.set("point", data.point);
  s.merge({ orders: data.orders });
}

// Events.
const off: () => void = s.on("change", (change: Change<Shop>) => {
  if (change.type == "change") {
    const fruit: string | undefined = change.set.fruit;
    const from: [number, number, readonly string[], string | undefined] = [change.from, change.version, change.delete, change.by];
    return [fruit, from];
  }
  return [change.data.fruit, change.id, change.tabs, change.expires, change.continues];
});
s.on("status", (next) => next == "live");
s.on("bye", ({ code, message, into }) => [code, message, into?.length]);
const end: () => void = s.subscribe(() => {});

s.ready.then(() => s.id?.length, (e: SeshdError) => [e.code, e.message, e.version]);
const nothing: Promise<void> = s.flush();
s.close();

// React's useSyncExternalStore takes the two as they are.
declare function useSyncExternalStore<S>(subscribe: (onChange: () => void) => () => void, getSnapshot: () => S): S;
const seen: number | undefined = useSyncExternalStore(s.subscribe, s.getSnapshot).data.visits;

// A mutation can be built apart.
const mutation: Mutation<Shop> = { incr: { visits: 1 }, append: { log: ["hello"] } };
s.apply(mutation);

// Without a type every key is there, and holds what JSON can say.
const any = open();
holds<Same<typeof any, Session<Record<string, Json>>>>();
any.set("fruit", "cherries");
any.set("cart", { cherries: [1, null, true] });
any.set("fruit", any.getSnapshot().data["fruit"] ?? null);
any.incr("visits");
any.append("log", ["hello", 1, { a: null }]);
any.merge({ cart: { sku1: 2, sku2: null } });
any.update("note", (old = "") => old + "!");
any.update("note", (old) => old ?? null);
any.apply({ set: { paid: true }, delete: ["cart"], incr: { n: 1 } });
any.delete("whatever");
const fruit = any.getSnapshot().data["fruit"];
if (typeof fruit == "string") fruit.toUpperCase();

// In code that does not know the whole shape.
interface Visited {
  visits: number;
}
const visit = (session: Session<Visited>) => session.incr("visits");
visit(open<Visited>());
const wrap = <T extends object>() => open<T>();
wrap<Shop>().set("fruit", "plums");

// A browser's own two, by name or left out.
open({ WebSocket, fetch });
open({ WebSocket: class extends WebSocket {}, fetch: (url, options) => fetch(url, { ...options, cache: "no-store" }) });

export { end, gift, known, nothing, numbers, off, seen, still };
