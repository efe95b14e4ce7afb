export const $ = (id) => document.getElementById(id);

/** An element with attributes and children; strings become text, so data is never markup. */
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") node.addEventListener(name, value);
    else node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

/** A time of day that says the day too, to whoever asks. */
export const clock = (date) =>
  el("time", { datetime: date.toISOString(), title: date.toLocaleString() }, date.toLocaleTimeString([], { hourCycle: "h23" }));

/** A problem that has no place of its own on the page; "" takes it away. */
export const problem = (text) => {
  $("problem").textContent = text;
  $("problem").hidden = !text;
};
