// Compiles types/*.ts against the packed types. A line below @ts-expect-error that compiles is an error too.
import assert from "node:assert/strict";
import { cpSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { app } from "./pack.js";
import { here, tsc } from "./tools.js";

const dir = app("@types", "ws");
cpSync(join(here, "types"), dir, { recursive: true });

const strict = ["--noEmit", "--strict", "--exactOptionalPropertyTypes", "--noUncheckedIndexedAccess", "--target", "es2022"];
const compilesWith = (compiler, ...args) => {
  const { status, output } = tsc([...strict, ...args], { cwd: dir }, compiler);
  assert.equal(status, 0, output);
};
const compiles = compilesWith.bind(null, "typescript");
const browser = ["--lib", "es2022,dom", "--typeRoots", "nowhere"];
const bundler = ["--module", "esnext", "--moduleResolution", "bundler"];
const node = ["--module", "nodenext", "--moduleResolution", "nodenext"];

test("what is right compiles, and what is wrong does not", () => compiles(...browser, ...bundler, "right.ts", "wrong.ts"));

test("and so it is with TypeScript 5", () => compilesWith("typescript-5", ...browser, ...bundler, "right.ts", "wrong.ts"));

test("without strictness too", () => compiles(...browser, ...bundler, "--strict", "false", "--exactOptionalPropertyTypes", "false", "right.ts"));

test("Node's types are enough, and its WebSocket and ws are both taken", () =>
  compiles("--lib", "es2022", "--types", "node", ...node, "node.ts"));

test("no types of a platform are needed", () => compiles("--lib", "es2022", "--typeRoots", "nowhere", ...node, "plain.ts"));

test("a project can say what /seshd.js from the server is", () => compiles("-p", "from-the-server"));
