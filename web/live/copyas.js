// "Copy as": the write behind a line of the timeline, for elsewhere.
import { el } from "./dom.js";
import { connect, curl, javascript, wscat } from "./commands.js";
import { session } from "./connection.js";
import { copy } from "./copy.js";
import { mint } from "./ticket.js";

const cookieName = location.protocol === "https:" ? "__Host-session" : "session";
const once = (seconds) => `The ticket in it lets one connection in, once, within ${seconds} seconds.`;

const WAYS = {
  wscat: async (mutation) => {
    const { url, expires_in } = await mint();
    return [wscat(url, mutation), once(expires_in)];
  },
  "seshd connect": async (mutation) => {
    const { ticket, expires_in } = await mint();
    return [connect(location.origin, ticket, mutation), `${once(expires_in)} It waits for the answer, and exits with 3 if that is a refusal.`];
  },
  curl: async (mutation) => [
    curl(location.origin, session.id, mutation),
    `First say COOKIE='${cookieName}=…', with the value from the developer tools (Application or Storage, Cookies): no script can read it.`,
  ],
  JavaScript: async (mutation) => [javascript(mutation), "For this page's console, or a module of a page of yours."],
};

/** What to send so that it happens again: our own mutation as it was, or of somebody else's what came of it. */
export function mutationOf({ mutation, change }) {
  if (mutation ?? change?.mutation) return mutation ?? change.mutation;
  const [set, deleted] = [Object.fromEntries(change?.set ?? []), change?.deleted ?? []];
  const parts = { ...(change?.set.size && { set }), ...(deleted.length && { delete: deleted }) };
  return Object.keys(parts).length ? parts : undefined;
}

export function copyAs(mutation) {
  const code = el("code");
  const again = el("button", { type: "button", class: "plain", click: () => copy(code, again) }, "Copy");
  const note = el("p", { class: "quiet", role: "status" });
  const result = el("div", { hidden: "" }, el("div", { class: "line" }, code, again), note);
  let wanted; // the way asked for last: a ticket may take its time
  const make = async (way) => {
    wanted = way;
    result.hidden = false;
    code.textContent = "";
    try {
      const [line, about] = await way(mutation);
      if (wanted !== way) return;
      code.textContent = line;
      note.textContent = about;
      copy(code, again);
    } catch (error) {
      note.textContent = `No ticket: ${error.message}`;
    }
  };
  const buttons = Object.entries(WAYS).map(([name, way]) => el("button", { type: "button", "data-way": name, click: () => make(way) }, name));
  return el("div", { class: "copy-as" }, el("div", { class: "row" }, el("span", { class: "quiet" }, "Copy as"), ...buttons), result);
}
