// None of this may compile: each line below a @ts-expect-error must be an error.
import { open, type Session } from "seshd";
import type { Shop } from "./shop.js";

const s = open<Shop>();

// Keys that are not the session's.
// @ts-expect-error
s.set("friut", "cherries");
// @ts-expect-error
s.incr("visitors");
// @ts-expect-error
s.delete("friut");
// @ts-expect-error
s.update("friut", () => "cherries");
// @ts-expect-error
s.merge({ friut: "cherries" });
// @ts-expect-error
s.apply({ set: { friut: "cherries" } });
// @ts-expect-error
s.getSnapshot().data.friut;
// @ts-expect-error
s.on("change", (c) => c.type == "change" && c.set.friut);

// Values of another type.
// @ts-expect-error
s.set("fruit", 1);
// @ts-expect-error
s.set("owner", "u42");
// @ts-expect-error
s.set("fruit", null);
// @ts-expect-error undefined is not JSON; a key is removed by delete
s.set("note", undefined);
// @ts-expect-error
s.set("point", [1, 2, 3]);
// @ts-expect-error
s.set("orders", [{ sku: "plums" }]);
// @ts-expect-error
s.apply({ set: { visits: "1" } });
// @ts-expect-error
s.merge({ cart: { cherries: "two" } });
// @ts-expect-error
s.update("visits", (n) => `${n}`);
// @ts-expect-error it may be missing
s.update("visits", (n) => n + 1);
// @ts-expect-error its result is what is written, so it cannot be a promise
s.update("visits", async () => 1);

// incr is for numbers.
// @ts-expect-error
s.incr("fruit");
// @ts-expect-error
s.incr("log");
// @ts-expect-error
s.incr("visits", "1");
// @ts-expect-error
s.apply({ incr: { fruit: 1 } });

// append is for arrays, and takes an array of their elements.
// @ts-expect-error
s.append("fruit", ["cherries"]);
// @ts-expect-error
s.append("visits", [1]);
// @ts-expect-error
s.append("cart", [{}]);
// @ts-expect-error
s.append("log", "hello");
// @ts-expect-error
s.append("log", [1]);
// @ts-expect-error
s.apply({ append: { log: [1] } });
// @ts-expect-error
s.apply({ append: { fruit: ["cherries"] } });

// What is read is frozen, and may be missing.
const snapshot = s.getSnapshot();
// @ts-expect-error
snapshot.data.fruit = "plums";
// @ts-expect-error
snapshot.data.log?.push("hello");
// @ts-expect-error
if (snapshot.data.cart) snapshot.data.cart["plums"] = 1;
// @ts-expect-error
snapshot.data.orders?.[0]?.gifts.push("ribbon");
// @ts-expect-error
snapshot.version = 1;
// @ts-expect-error
snapshot.data.visits.toFixed();
// @ts-expect-error
s.update("log", (log = []) => (log.push("hello"), log));
// @ts-expect-error
s.id = "0123";

// Things there are not.
// @ts-expect-error
s.get("fruit");
// @ts-expect-error
s.on("open", () => {});
// @ts-expect-error
s.on("status", (status: "open") => status);
// @ts-expect-error
s.apply({ push: { log: ["hello"] } });
// @ts-expect-error
s.apply({ clear: false });
// @ts-expect-error
snapshot.status == "open";
// @ts-expect-error
open({ path: "/" });
// @ts-expect-error
open({ url: new URL("https://shop.test/") });
// @ts-expect-error
open({ WebSocket: WebSocket.prototype });
// @ts-expect-error
open({ WebSocket: class {} });
// @ts-expect-error
open({ fetch: async () => 200 });
// @ts-expect-error a session is a map of keys
open<string>();
// @ts-expect-error
const other: Session<{ plums: number }> = s;

// Without a type: any key, but JSON only.
const any = open();
// @ts-expect-error
any.set("when", new Date());
// @ts-expect-error
any.set("when", undefined);
// @ts-expect-error
any.set("big", 1n);
// @ts-expect-error
any.set("fn", () => {});
// @ts-expect-error
any.append("log", "hello");
// @ts-expect-error
any.getSnapshot().data["fruit"].toUpperCase();

export { other };
