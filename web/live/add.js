// The form that adds a key.
import { $ } from "./dom.js";
import { parsed } from "./json.js";
import { tryToWrite } from "./writes.js";

const MAX_KEY = 128; // bytes; the server says so too

function keyProblem(key) {
  if (!key) return "A key is needed.";
  if (new TextEncoder().encode(key).length > MAX_KEY) return `A key has at most ${MAX_KEY} bytes.`;
  if (/[/\p{Cc}]/u.test(key) || key === "." || key === "..") return "A key has no / and no control characters, and is not . or ..";
  if (key.startsWith("_")) return "Keys that start with _ are private: only the app's own code writes them.";
  return "";
}

const fields = [$("new-key"), $("new-value")];

function say(wrong, field) {
  $("add-error").textContent = wrong;
  for (const each of fields) each.setAttribute("aria-invalid", each === field);
  field?.focus();
}

/** Puts what was refused back into the form, so that it is not lost; what is being typed there stays. */
export function offerAgain(key, text, wrong) {
  if (fields.every(({ value }) => !value)) [$("new-key").value, $("new-value").value] = [key, text];
  say(wrong);
}

$("add-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const [key, text] = [$("new-key").value.trim(), $("new-value").value];
  const badKey = keyProblem(key);
  if (badKey) return say(badKey, $("new-key"));
  const { value, wrong } = parsed(text);
  if (wrong) return say(wrong, $("new-value"));
  say("");
  const written = tryToWrite(`set ${key}`, { set: { [key]: value } });
  $("add-form").reset();
  $("new-key").focus();
  const refused = await written;
  if (refused) offerAgain(key, text, refused);
});
for (const field of fields) field.addEventListener("input", () => say(""));
