// The packed package in Node, against the real server: what the README shows does what it says.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { app } from "./pack.js";
import { announced, blocks } from "./readme.js";
import { serve } from "./server.js";
import { run, tool } from "./tools.js";

const GIVEN = 'import { WebSocket } from "ws";';
const inNode = blocks("js");

const addr = await serve();
const dir = app("ws");

/** Runs a program beside the package, with the server's address in it, and compares what it prints. */
function prints(expected, name, program, ...flags) {
  assert.ok(expected.length > 0, "it announces nothing");
  writeFileSync(join(dir, name), program.replaceAll("localhost:8000", addr));
  const { status, stdout, output } = run(process.execPath, [...flags, name], { cwd: dir });
  assert.equal(status, 0, output);
  assert.deepEqual(stdout.trimEnd().split("\n"), expected, output);
}

/** Replaces what must be there. */
function replaced(text, from, to) {
  assert.ok(text.includes(from), from);
  return text.replace(from, to);
}

test("with the WebSocket of ws", () => prints(announced(inNode), "ws.js", replaced(inNode, GIVEN, GIVEN)));

test("with Node's own WebSocket", () => {
  const flags = globalThis.WebSocket ? [] : ["--experimental-websocket"];
  prints(announced(inNode), "own.js", replaced(inNode, GIVEN, ""), ...flags);
});

// They are a page's. What a browser does by itself, the README's own lines for Node do here.
test("every example of the reference", () => {
  const [given] = inNode.split("await s.set");
  writeFileSync(join(dir, "given.js"), replaced(given, "const s = open(", "export const given = (").replaceAll("localhost:8000", addr));
  const reference = replaced(blocks("ts"), 'open<Shop>({ url: "http://localhost:8000/" })', "open<Shop>(given)");
  writeFileSync(join(dir, "reference.ts"), `import { given } from "./given.js";\n${reference}`);
  const { status, stdout, output } = tool("esbuild", ["reference.ts"], { cwd: dir }); // takes the types away
  assert.equal(status, 0, output);
  prints(announced(reference), "reference.js", stdout);
});
