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

export const announce = (text) => ($("announce").textContent = text);

export const problem = (text) => {
  $("problem").textContent = text;
  $("problem").hidden = !text;
};
