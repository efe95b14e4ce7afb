// The README's examples: what is between its fences, and what they say that they print.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { client } from "./tools.js";

export const readme = readFileSync(join(client, "README.md"), "utf8");

/** The fenced blocks of one language, as one text. */
export const blocks = (language) =>
  [...readme.matchAll(/^```(\w+)\n(.*?)^```$/gms)].flatMap(([, of, text]) => (of == language ? [text] : [])).join("\n");

/** The lines that the comments behind console.log announce, in order. */
export const announced = (code) =>
  [...code.matchAll(/console\.log\(.*\);? \/\/ (.*)$/gm)].map(([, says]) => says);
