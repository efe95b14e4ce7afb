// Values as JSON: what people type, what is shown, and where two of them differ.

export const short = (text, length = 60) => (text.length > length ? `${text.slice(0, length - 1)}…` : text);

/** A value on one line, with room to break between its members. */
export const spaced = (value) => JSON.stringify(value, null, 1).replace(/\n\s*/g, " "); // within strings a line break is written \n

/** What a text says, as { value }, or else why it says nothing, as { wrong }. */
export function parsed(text) {
  try {
    return { value: JSON.parse(text) };
  } catch {
    const word = /^[\p{L}\d _-]+$/u.test(text.trim());
    if (word) return { wrong: `Not JSON. Text goes in quotes: ${JSON.stringify(text.trim())}` };
    return { wrong: text.trim() ? "Not JSON yet." : "A value is needed, as JSON." };
  }
}

const kind = (value) => (Array.isArray(value) ? "array" : value !== null && typeof value === "object" ? "object" : "leaf");
const members = (value) => new Map(Object.entries(value));
const step = (parent, name) => (parent === "array" ? `[${name}]` : /^[\p{L}_$][\p{L}\d_$]*$/u.test(name) ? `.${name}` : `[${JSON.stringify(name)}]`);

/** The places where two values differ, as { path, before, after }; undefined is where there is nothing. */
export function diff(before, after, path = "") {
  if (JSON.stringify(before) === JSON.stringify(after)) return [];
  const parent = kind(before);
  if (parent === "leaf" || parent !== kind(after)) return [{ path, before, after }];
  const [old, now] = [members(before), members(after)];
  const names = new Set([...old.keys(), ...now.keys()]);
  return [...names].flatMap((name) => diff(old.get(name), now.get(name), path + step(parent, name)));
}
