// The package as somebody else gets it: packed, and unpacked into an app of its own. To be made at the top
// of a test file, not in a hook: it is removed when the tests of the file end.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { client, modules, run } from "./tools.js";

/** A directory that goes when the tests of this file end. */
export function scratch() {
  const dir = mkdtempSync(join(tmpdir(), "seshd-client-"));
  after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/** What npm pack makes: where it is, and the names in it. */
export function pack(dir) {
  const { status, stdout, output } = run("npm", ["pack", "--json", "--pack-destination", dir], { cwd: client });
  assert.equal(status, 0, output);
  const [{ filename, files }] = Object.values(JSON.parse(stdout)); // npm 11 names the package, others number it
  return { tarball: join(dir, filename), files: files.map((f) => f.path).sort() };
}

/** A directory whose node_modules has the packed seshd, and these packages beside it. */
export function app(...others) {
  const dir = scratch();
  const { tarball } = pack(dir);
  const seshd = join(dir, "node_modules/seshd");
  mkdirSync(seshd, { recursive: true });
  const { status, output } = run("tar", ["-xzf", tarball, "-C", seshd, "--strip-components=1"]);
  assert.equal(status, 0, output);
  for (const name of others) symlinkSync(join(modules, name), join(dir, "node_modules", name), "dir");
  writeFileSync(join(dir, "package.json"), '{"private": true, "type": "module"}');
  return dir;
}
