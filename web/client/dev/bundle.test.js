// Bundlers take the package without a word of warning, leave it out where it is not used, and what it adds stays small.
import assert from "node:assert/strict";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { app } from "./pack.js";
import { tool } from "./tools.js";

const USED = `import { open } from "seshd";
const s = open();
s.subscribe(() => (document.title = s.getSnapshot().data.fruit));
`;
const UNUSED = `import { open } from "seshd";
const later = () => open();
document.title = "cherries";
`;

// Whole bundles, app and fallback included, minified and gzipped. More means that something came along, or that minifying broke.
const LIMIT = 5120;

const dir = app();
writeFileSync(join(dir, "used.js"), USED);
writeFileSync(join(dir, "unused.js"), UNUSED);
writeFileSync(join(dir, "index.html"), '<!doctype html><title>Fruit</title><script type="module" src="/used.js"></script>');
writeFileSync(join(dir, "library.config.js"), 'export default { build: { lib: { entry: "used.js", formats: ["es"] } } };');
writeFileSync(join(dir, "unused.config.js"), 'export default { build: { lib: { entry: "unused.js", formats: ["es"] } } };');

const scripts = (out) => readdirSync(join(dir, out), { recursive: true }).filter((name) => /\.m?js$/.test(name));

/** Builds into `out`, and gives its scripts; a bundler may leave the fallback in a file of its own. Warnings go to either stream; so the tool may say nothing at all. */
function built(out, name, ...args) {
  const { status, output } = tool(name, args, { cwd: dir });
  assert.equal(status, 0, output);
  assert.equal(output.trim(), "");
  const parts = scripts(out);
  assert.ok(parts.length == 1 || (parts.length == 2 && parts.some((script) => script.includes("seshd-events"))), parts.join());
  return parts.map((script) => readFileSync(join(dir, out, script), "utf8")).join("\n");
}
const esbuild = (out, entry, ...args) =>
  built(out, "esbuild", entry, "--bundle", "--format=esm", `--outdir=${out}`, "--log-level=warning", ...args);
const vite = (out, ...args) => built(out, "vite", "build", "--outDir", out, "--emptyOutDir", "--logLevel", "warn", ...args);

function holds(t, bundle) {
  const size = gzipSync(bundle, { level: 9 }).length;
  t.diagnostic(`${bundle.length} bytes, ${size} gzipped`);
  assert.match(bundle, /queue_full/); // the client is in it
  assert.ok(size <= LIMIT, `${size} bytes gzipped, ${LIMIT} are allowed`);
}
const leavesOut = (bundle) => {
  assert.match(bundle, /cherries/);
  assert.doesNotMatch(bundle, /queue_full|WebSocket|session/);
};

test("esbuild bundles it", (t) => holds(t, esbuild("esbuild", "used.js", "--minify")));

test("esbuild bundles it for the oldest browsers that are named in the README", (t) =>
  holds(t, esbuild("esbuild-old", "used.js", "--minify", "--target=chrome103,firefox100,safari16")));

test("esbuild leaves it out where it is not used", () => leavesOut(esbuild("esbuild-unused", "unused.js")));

test("Vite builds an app with it", (t) => holds(t, vite("vite-app")));

// A library is not minified whole by Vite, so it is measured by nobody; what counts is that it builds.
test("Vite builds a library with it", () => assert.match(vite("vite-library", "--config", "library.config.js"), /queue_full/));

test("Vite leaves it out where it is not used", () => leavesOut(vite("vite-unused", "--config", "unused.config.js")));
