// What seshd.d.ts declares: its types, and the members of each. Read as text: one line begins each of them.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { client } from "./tools.js";

export function declared() {
  const types = new Map();
  let members;
  for (const line of readFileSync(join(client, "seshd.d.ts"), "utf8").split("\n")) {
    const [, name] = /^export (?:type|interface|function) (\w+)/.exec(line) ?? [];
    if (name) types.set(name, (members = new Set()));
    const [, member] = /^ {2,6}(?:readonly )?(\w+)(?=\??:|[(<])/.exec(line) ?? [];
    if (member) members.add(member);
  }
  return types;
}
