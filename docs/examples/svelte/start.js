import { context } from "esbuild";
import svelte from "esbuild-svelte";

const demo = await context({
  entryPoints: { main: "demo.js" },
  bundle: true,
  format: "esm",
  external: ["/seshd.js"],
  outdir: ".",
  mainFields: ["svelte", "browser", "module", "main"],
  conditions: ["svelte", "browser"],
  plugins: [svelte()],
});
await demo.serve({ servedir: ".", host: "127.0.0.1", port: Number(process.env.PORT ?? 3000) });
