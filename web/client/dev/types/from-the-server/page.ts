import { open } from "/seshd.js";

const s = open<{ fruit: string }>();
s.set("fruit", "cherries");
// @ts-expect-error
s.set("fruit", 1);
