const SLOT = /\{(question|passages)\}/g;

/** Passages as a prompt shows them, counted from 1. */
function numbered(passages) {
  return passages.map(([, title, text], place) => `[${place + 1}] ${title ? `${title}: ${text}` : text}`).join("\n\n");
}

/** The turns of a prompt as [role, text], as harness/prompts/render.py makes them. */
function promptTurns(template, question, passages) {
  const texts = { question, passages: numbered(passages) };
  const form = passages.length ? template.user_with_passages : template.user;
  const before = passages.length ? template.before_with_passages : template.before;
  return [...before, ["user", form.replace(SLOT, (_, slot) => texts[slot])]];
}
