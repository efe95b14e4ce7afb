// The editor of one value, in its place in the table.
import { el } from "./dom.js";
import { parsed } from "./json.js";

const MOST_LINES = 12; // of a field; what is longer scrolls

export class Editor {
  #field;
  #error;
  #note;

  /** `save` is called with a value and the text that says it, `end` when nothing is to be saved. */
  constructor(key, text, { save, end }) {
    const id = `edit-${crypto.getRandomValues(new Uint32Array(1))[0]}`;
    this.#error = el("p", { class: "error", id: `${id}-error`, role: "alert" });
    this.#note = el("p", { class: "meanwhile", id: `${id}-note`, role: "status" });
    this.#field = el("textarea", {
      "aria-label": `Value of ${key}, as JSON`,
      "aria-describedby": `${id}-error ${id}-note`,
      spellcheck: "false",
      rows: Math.min(MOST_LINES, text.split("\n").length),
      input: () => this.#value(),
      keydown: (event) => this.#key(event),
    });
    this.#field.value = text;
    this.save = () => {
      const value = this.#value();
      if (value === undefined) this.#field.focus();
      else save(value, this.#field.value);
    };
    this.end = end;
    const buttons = [
      el("button", { type: "button", class: "save", click: this.save }, "Save"),
      el("button", { type: "button", class: "plain cancel", click: end }, "Cancel"),
      el("span", { class: "quiet" }, "Enter saves, Escape leaves it"),
    ];
    this.node = el("div", { class: "editor" }, this.#field, this.#error, this.#note, el("div", { class: "row" }, ...buttons));
  }

  focus(wrong) {
    if (wrong) this.#say(wrong);
    else if (document.activeElement !== this.#field) this.#field.select();
    this.#field.focus();
  }

  /** Says what happened to the key while somebody types here. */
  meanwhile(text) {
    this.#note.textContent = text;
  }

  #key(event) {
    if (event.isComposing) return;
    if (event.key === "Escape") this.end();
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      this.save();
    }
  }

  #value() {
    const { value, wrong = "" } = parsed(this.#field.value);
    this.#say(wrong);
    return value;
  }

  #say(wrong) {
    this.#error.textContent = wrong;
    this.#field.setAttribute("aria-invalid", wrong !== "");
  }
}
