const HIDDEN =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff\u{e0000}-\u{e007f}]/gu;

/** The text with nothing hidden in it, as harness/report/html/visible.py spells it. */
function visible(text) {
  return text.replace(HIDDEN, (found) => {
    const code = found.codePointAt(0).toString(16).toUpperCase();
    return `\u27e8U+${code.padStart(4, "0")}\u27e9`;
  });
}

/** The first `most` characters on one line, visible; never half of a character. */
function oneLine(text, most) {
  const start = text.slice(0, most).replace(/[\ud800-\udbff]$/, "");
  return visible(start).replace(/\s+/g, " ").trim() + (text.length > most ? "\u2026" : "");
}

/** An element with attributes and children; strings become text, so that nothing in them is ever markup. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "onclick") element.addEventListener("click", value);
    else if (value !== null && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

/** A name from elsewhere, whose direction does not touch the text around it. */
function named(text) {
  return make("bdi", {}, visible(text));
}

function counted(number, one, many) {
  return `${number.toLocaleString("en")} ${number === 1 ? one : many}`;
}
