// The list of the session's tabs, from GET /session/tabs.
import { $, clock, el } from "./dom.js";
import { session } from "./connection.js";
import { client } from "./wire.js";

// ms. What others were told comes a moment after what we were; more than one request a second is never made; and while
// a tab is behind, nothing tells us that it has caught up.
const SETTLE = 200;
const LEAST_GAP = 1000;
const CATCHING_UP = 3000;

let timer;
let due = 0; // when the timer fires
let asked = -Infinity;
let known = {}; // what the list was made of

const live = () => session.getSnapshot().status === "live";

function askWithin(wait) {
  if (document.hidden || !live()) return;
  const at = Math.max(performance.now() + wait, asked + LEAST_GAP);
  if (timer && due <= at) return;
  clearTimeout(timer);
  due = at;
  timer = setTimeout(ask, at - performance.now());
}

async function ask() {
  timer = undefined;
  asked = performance.now();
  const { version } = session.getSnapshot(); // told to us before the list is made
  try {
    const answer = await fetch(`/session/tabs?client=${client}`, { headers: { "Session-Id": session.id } });
    if (answer.ok) show(await answer.json(), version);
  } catch {
    // No connection: the list is asked for again once there is one.
  }
}

function show(tabs, version) {
  const newest = Math.max(version, ...tabs.map((tab) => tab.version));
  $("tab-list").replaceChildren(...tabs.map((tab) => entry(tab, newest - tab.version)));
  if (tabs.some((tab) => tab.version < newest)) askWithin(CATCHING_UP);
}

function entry({ tab, transport, opened, user_agent, you }, behind) {
  const name = you ? "This tab" : program(user_agent);
  return el(
    "li",
    { "data-tab": tab, ...(you && { "aria-current": "true" }) },
    el("span", { class: "name", title: user_agent || "It does not say what it is." }, name),
    el("span", { class: behind ? "behind" : "level" }, behind ? `${behind} ${behind === 1 ? "version" : "versions"} behind` : "up to date"),
    el("span", { class: "quiet" }, transport === "events" ? "event stream" : "WebSocket", ", since ", clock(new Date(opened))),
  );
}

const BROWSERS = [["Edg", "Edge"], ["OPR", "Opera"], ["Firefox"], ["Chrome"], ["Version", "Safari"]]; // each claims to be those after it
const SYSTEMS = [["Android"], ["iPhone"], ["iPad"], ["Windows"], ["Mac OS", "macOS"], ["CrOS", "ChromeOS"], ["Linux"]];

function program(agent) {
  const browser = BROWSERS.find(([word]) => agent.includes(`${word}/`));
  if (!browser) return agent.split(/[ (]/)[0] || "A program";
  const version = agent.match(new RegExp(`${browser[0]}/(\\d+)`))?.[1] ?? "";
  const system = SYSTEMS.find(([word]) => agent.includes(word));
  return `${browser.at(-1)} ${version}${system ? ` on ${system.at(-1)}` : ""}`;
}

session.subscribe(() => {
  const { tabs, version, status } = session.getSnapshot();
  const news = tabs !== known.tabs || status !== known.status || (tabs > 1 && version !== known.version);
  known = { tabs, version, status };
  if (news) askWithin(SETTLE);
});
document.addEventListener("visibilitychange", () => askWithin(0));
