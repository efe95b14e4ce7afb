// A write as a line for elsewhere. Pure functions of text; what they give has to run as it is.

// For a POSIX shell: between single quotes nothing is special but the single quote.
const quote = (text) => `'${text.replaceAll("'", `'\\''`)}'`;

/** Without a mutation it only connects. wscat waits for nothing by itself: -w gives the answer a second. */
export const wscat = (socketURL, mutation) =>
  `wscat -c ${quote(socketURL)}${mutation ? ` -x ${quote(JSON.stringify({ ...mutation, id: 1 }))} -w 1` : ""}`;

/** connect waits for the answer, and exits with 3 if it is a refusal. */
export const connect = (origin, ticket, mutation) =>
  `SESHD_TICKET=${quote(ticket)} seshd connect ${quote(origin)}${mutation ? ` -x ${quote(JSON.stringify(mutation))}` : ""}`;

/**
 * The cookie is where no script can read it, so a person puts it into COOKIE. Without it nothing runs, and with one of another
 * session the server writes nothing.
 */
export const curl = (origin, sessionId, mutation) =>
  `curl -b "\${COOKIE:?is not set}" -H 'Session-Id: ${sessionId}' --json ${quote(JSON.stringify(mutation))} ${quote(`${origin}/session`)}`;

// In a literal, __proto__ would be no member.
function literal(value) {
  const text = JSON.stringify(value);
  return text.includes('"__proto__":') ? `JSON.parse(${JSON.stringify(text)})` : text;
}

const METHODS = {
  set: (keys) => Object.entries(keys).map(([key, value]) => `set(${literal(key)}, ${literal(value)})`),
  incr: (keys) => Object.entries(keys).map(([key, by]) => `incr(${literal(key)}, ${literal(by)})`),
  append: (keys) => Object.entries(keys).map(([key, values]) => `append(${literal(key)}, ${literal(values)})`),
  merge: (patch) => [`merge(${literal(patch)})`],
  delete: (keys) => [`delete(${keys.map(literal).join(", ")})`],
  clear: () => ["clear()"],
};

/** For the console of a page from this server. Several operations stay one mutation. */
export function javascript(mutation) {
  const operations = Object.entries(mutation);
  const calls = operations.length === 1 ? METHODS[operations[0][0]](operations[0][1]) : [];
  const call = calls.length === 1 ? calls[0] : `apply(${literal(mutation)})`;
  return `const { open } = await import("/seshd.js");\nconst s = open();\nawait s.${call};\ns.close();`;
}
