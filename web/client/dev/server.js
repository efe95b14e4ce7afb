// The real server, built from this checkout, on ports of its own.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after } from "node:test";
import { scratch } from "./pack.js";
import { client, run } from "./tools.js";

/** The same flags as in .ci/test, so that what that has compiled is linked and no more. */
function build(dir) {
  const program = join(dir, "seshd");
  const { status, output } = run("go", ["build", "-trimpath", "-o", program, "./cmd/seshd"], {
    cwd: join(client, "../.."),
    env: { GOFLAGS: "-buildvcs=false", ...process.env, CGO_ENABLED: "0" },
  });
  if (status) throw new Error(`go build: ${output}`);
  return program;
}

/** Starts it, and gives its address once it listens. It ends with the tests of the file. */
export async function serve() {
  const dir = scratch();
  const args = ["--addr=127.0.0.1:0", "--internal-addr=127.0.0.1:0", `--data=${join(dir, "data")}`, "--log-format=json"];
  const server = spawn(build(dir), args, { stdio: ["ignore", "ignore", "pipe"] });
  const ended = once(server, "exit");
  after(async () => {
    server.kill();
    await ended;
  });
  const said = [];
  for await (const line of createInterface({ input: server.stderr })) {
    said.push(line);
    const { msg, addr } = JSON.parse(line);
    if (msg != "listening") continue;
    server.stderr.resume(); // what it says later is read by nobody
    return addr;
  }
  throw new Error(`the server ended:\n${said.join("\n")}`);
}
