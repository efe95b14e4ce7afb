// Copying to the clipboard.

const SAID = 1500; // ms that the button says what became of it

/** Copies the text of an element. There is no clipboard on plain HTTP: then it is selected, ready for the copy key. */
export async function copy(source, button) {
  const label = (button.dataset.label ??= button.textContent);
  try {
    await navigator.clipboard.writeText(source.textContent);
    button.textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(source);
    button.textContent = "Selected";
  }
  setTimeout(() => (button.textContent = label), SAID);
}
