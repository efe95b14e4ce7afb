// What would be published: these files, and nothing that a tool for packages finds fault with.
import assert from "node:assert/strict";
import { readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { pack, scratch } from "./pack.js";
import { blocks } from "./readme.js";
import { client, run, tool } from "./tools.js";

const packed = pack(scratch());

test("the package holds what a user needs, and no test", () => {
  assert.deepEqual(packed.files, ["LICENSE", "README.md", "package.json", "seshd-events.js", "seshd.d.ts", "seshd.js"]);
});

test("it can be published, needs nothing else, and runs nothing when it is installed", () => {
  const { name, version, private: hidden, dependencies, peerDependencies, scripts } = JSON.parse(readFileSync(join(client, "package.json")));
  assert.deepEqual([name, hidden, dependencies, peerDependencies, scripts], ["seshd", undefined, undefined, undefined, undefined]);
  assert.match(version, /^\d+\.\d+\.\d+$/);
});

test("its license is the repository's", () => {
  assert.equal(readFileSync(join(client, "LICENSE"), "utf8"), readFileSync(join(client, "../../LICENSE"), "utf8"));
});

test("publint has nothing to say", () => {
  const { status, output } = tool("publint", ["run", packed.tarball, "--strict"]);
  assert.equal(status, 0, output);
  assert.match(output, /All good!/);
});

// It is an ES module, and require() of one is what this rule is about: Node 20.19 and later can.
test("the types are found however they are looked for", () => {
  const { status, output } = tool("attw", [packed.tarball, "--ignore-rules", "cjs-resolves-to-esm", "--no-emoji", "--no-color"]);
  assert.equal(status, 0, output);
});

// npm would ask the registry for news and advice otherwise.
const env = { ...process.env, npm_config_offline: "true", npm_config_audit: "false", npm_config_update_notifier: "false" };

test("the README's way to get it leads to it", () => {
  const dir = scratch();
  symlinkSync(join(client, "../.."), join(dir, "seshd"), "dir");
  writeFileSync(join(dir, "package.json"), '{"private": true, "type": "module"}');
  const installed = run("sh", ["-euc", blocks("sh")], { cwd: dir, env });
  assert.equal(installed.status, 0, installed.output);
  const { status, stdout, output } = run(process.execPath, ["-e", 'import("seshd").then((m) => console.log(Object.keys(m)))'], { cwd: dir });
  assert.equal(status, 0, output);
  assert.equal(stdout.trim(), "[ 'open' ]");
});
