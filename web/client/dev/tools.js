// Where the tools of dev/package.json are, and how a test runs one.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const here = dirname(fileURLToPath(import.meta.url));
export const client = dirname(here);

/** The node_modules that .ci/tools has installed, or that of `npm ci` in this directory. */
export const modules = process.env.CLIENT_MODULES ?? join(here, "node_modules");
for (const name of ["@arethetypeswrong/cli", "@types/ws", "esbuild", "publint", "typescript", "typescript-5", "vite", "ws"])
  if (!existsSync(join(modules, name)))
    throw new Error(`${name} is not in ${modules}: sh .ci/test installs it, and so does npm ci in web/client/dev`);

/** Runs a program to its end. `output` is all it said, to whichever stream. */
export function run(program, args, options) {
  const { status, error, stdout, stderr } = spawnSync(program, args, { encoding: "utf8", timeout: 120_000, ...options });
  if (error) throw new Error(`${program}: ${error.message}`);
  return { status, stdout, output: stdout + stderr };
}

export const tool = (name, args, options) => run(join(modules, ".bin", name), args, options);

/** By its path, as both compilers would be tsc in .bin. */
export const tsc = (args, options, compiler = "typescript") => run(process.execPath, [join(modules, compiler, "bin/tsc"), ...args], options);
