// The README is the reference of all that seshd.d.ts declares. That its examples run is tested in node.test.js.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { open } from "../seshd.js";
import { declared } from "./declared.js";
import { app } from "./pack.js";
import { blocks, readme } from "./readme.js";
import { tsc } from "./tools.js";

const types = declared();
const headings = readme.match(/^### .*$/gm).join("\n");
const code = readme.match(/`[^`\n]+`/g).join("\n");
const lacks = (text, names) => [...names].filter((name) => !new RegExp(`\\b${name}\\b`).test(text));

test("every exported type is in it, with every member", () => {
  assert.ok(types.size > 10, [...types.keys()].join());
  for (const [name, members] of types) assert.deepEqual(lacks(code, [name, ...members]), [], name);
});

test("every member of a session has a heading, and no heading is of another", () => {
  assert.deepEqual(lacks(headings, types.get("Session")), []);
  assert.deepEqual(lacks([...types.get("Session")].join(), headings.match(/(?<=`)\w+(?=[`(])/g)), []);
});

test("a session has the members that are declared", () => {
  const s = open({ url: "not a url", WebSocket: null, fetch: null });
  s.close();
  assert.deepEqual(Object.keys(s).sort(), [...types.get("Session")].sort());
});

test("its examples compile", () => {
  const dir = app();
  writeFileSync(join(dir, "reference.ts"), blocks("ts"));
  const options = ["--noEmit", "--strict", "--target", "es2022", "--lib", "es2022,dom", "--typeRoots", "nowhere", "--module", "esnext", "--moduleResolution", "bundler"];
  const { status, output } = tsc([...options, "reference.ts"], { cwd: dir });
  assert.equal(status, 0, output);
});

test("its links lead to headings of its own", () => {
  const anchor = (heading) => heading.toLowerCase().replace(/[^\w -]/g, "").replaceAll(" ", "-");
  const anchors = [...readme.matchAll(/^#+ (.*)$/gm)].map(([, heading]) => anchor(heading));
  const links = [...readme.matchAll(/\]\(([^)]*)\)/g)].map(([, link]) => link);
  assert.ok(links.length > 0);
  for (const link of links) assert.ok(anchors.includes(link.replace(/^#/, "")), link); // files beside it are not in the package
});
