// One line of the timeline: what happened in short, and, opened, in full.
import { clock, el } from "./dom.js";
import { lookBack } from "./back.js";
import { copyAs, mutationOf } from "./copyas.js";
import { diff, short, spaced } from "./json.js";

// A change may hold a whole cart: so many places of a key are named on the line itself, and so many shown when it is opened.
const PLACES_IN_SHORT = 2;
const PLACES_IN_FULL = 50;

const code = (kind, text) => el("code", { class: kind }, text);

function placesInShort(key, before, after) {
  const all = diff(before, after);
  const places = all.slice(0, PLACES_IN_SHORT).map(({ path, before, after }) => {
    const old = before === undefined ? [] : [code("old", `${short(spaced(before), 24)} →`), " "];
    return [code("", key + path), " ", ...(after === undefined ? [code("gone", short(spaced(before), 24))] : [...old, code("new", short(spaced(after)))])];
  });
  const more = all.length - places.length;
  return more > 0 ? [...places, [`and ${more} more in `, code("", key)]] : places;
}

function inShort({ change, text }) {
  if (!change) return [text];
  const set = [...change.set].flatMap(([key, value]) => placesInShort(key, change.before.get(key), value));
  const gone = change.deleted.map((key) => [code("gone", key)]);
  const what = [...set, ...gone].flatMap((parts, i) => (i ? [", ", ...parts] : parts));
  return what.length ? what : ["nothing a tab may see"];
}

function differences(key, before, after) {
  const all = diff(before, after);
  const side = (tag, name, value) =>
    value === undefined ? "" : el(tag, {}, el("span", { class: "unseen" }, `${name} `), JSON.stringify(value, null, 1));
  const shown = all.slice(0, PLACES_IN_FULL).map(({ path, before, after }) => {
    const sides = [side("del", "before", before), side("ins", "after", after)];
    return el("div", { class: "difference" }, el("code", { class: "path" }, key + path), el("div", { class: "sides" }, ...sides));
  });
  const more = all.length - shown.length;
  if (more > 0) shown.push(el("p", { class: "quiet" }, `and ${more} more places in ${key}`));
  return shown;
}

function inFull(moment) {
  const { change, state } = moment;
  const keys = change ? [...change.set.keys(), ...change.deleted] : [];
  const parts = keys.flatMap((key) => differences(key, change.before.get(key), change.set.get(key)));
  const mutation = mutationOf(moment);
  if (mutation) parts.push(copyAs(mutation));
  if (state) {
    const label = `Look back to version ${state.version}`;
    parts.push(el("button", { type: "button", class: "look-back", click: (event) => lookBack(moment, event.currentTarget) }, label));
  }
  return parts;
}

const versions = ({ from, version }) => (version - from > 1 ? `v${from + 1}–${version}` : `v${version}`);

export function line(moment) {
  const { by, at, change, state, mutation } = moment;
  const summary = [
    el("span", { class: "by", "data-by": by }, by),
    el("span", { class: "what" }, ...inShort(moment)),
    el("span", { class: "when" }, el("span", { class: "version" }, change ? versions(change) : ""), " ", clock(at)),
  ];
  const item = el("li", { "data-by": by });
  if (!state && !mutation) {
    item.append(el("div", { class: "summary" }, ...summary));
    return item;
  }
  const more = el("div", { class: "more" });
  const opened = () => more.childElementCount || more.append(...inFull(moment)); // most lines are never opened
  item.append(el("details", { toggle: opened }, el("summary", { class: "summary" }, ...summary), more));
  return item;
}
