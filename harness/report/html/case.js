const MARKS = { correct: "\u2713", wrong: "\u2717", blank: "\u25cb", unparsed: "?", error: "!", missing: "\u2013" };

function outcomeMark(outcome) {
  const sign = make("span", { "aria-hidden": "true" }, `${MARKS[outcome]} `);
  return make("span", { class: `outcome ${outcome}` }, sign, outcome);
}

/** A score with up to three decimals, or the reason why there is none. */
function scoreText(value) {
  if (value === null) return "\u2013";
  return typeof value === "number" ? String(Number(value.toFixed(3))) : visible(value);
}

function secondsText(ms) {
  if (ms === null) return "\u2013";
  return ms < 1000 ? `${ms} ms` : `${Number((ms / 1000).toPrecision(3))} s`;
}

function textBox(text, label) {
  const attributes = { class: "text", dir: "auto" };
  // a long text scrolls in its box, which the keyboard must reach
  if (text.length > 600) Object.assign(attributes, { tabindex: "0", role: "group", "aria-label": label });
  return make("div", attributes, visible(text));
}

function factList(facts) {
  const rows = facts.flatMap(([name, ...values]) =>
    values.length ? [make("dt", {}, name), make("dd", {}, ...values)] : []
  );
  return make("dl", { class: "facts" }, ...rows);
}

function cellName(cell) {
  const parts = [named(cell.model), ", ", named(cell.condition)];
  return cell.repeat ? [...parts, ` (repeat ${cell.repeat + 1})`] : parts;
}

/** Gold passages are named by their own id or by their document's. */
function isGold(asked, [id, , , document_]) {
  return asked.gold.includes(id) || (document_ !== "" && asked.gold.includes(document_));
}

function passageList(asked, passages, lost, cited) {
  const kept = passages.length - lost;
  const items = passages.map((passage, place) => {
    const [id, title, text] = passage;
    const marks = [];
    if (isGold(asked, passage)) marks.push(make("span", { class: "mark gold" }, "gold"));
    if (cited.includes(id)) marks.push(make("span", { class: "mark" }, "cited"));
    if (place >= kept) marks.push(make("span", { class: "mark lost" }, "did not fit the prompt"));
    const head = make("p", { class: "passage-head" }, `[${place + 1}] `, named(title || id), " ", make("small", {}, named(id)));
    head.append(...marks.flatMap((mark) => [" ", mark]));
    return make("li", { class: isGold(asked, passage) ? "is-gold" : "" }, head, textBox(text, `Passage ${place + 1}`));
  });
  return make("ol", { class: "passages" }, ...items);
}

function passagePart(asked, passages, lost, cited) {
  const unseen = asked.gold.filter((name) => !passages.some((passage) => passage[0] === name || passage[3] === name));
  const parts = [make("h3", {}, "Passages")];
  if (passages.length) parts.push(passageList(asked, passages, lost, cited));
  else parts.push(make("p", {}, "No passage was shown."));
  if (unseen.length) {
    const names = unseen.flatMap((name, place) => [place ? ", " : "", named(name)]);
    parts.push(make("p", { class: "unseen" }, "Gold, but not shown: ", ...names));
  }
  return parts;
}

function promptPart(template, question, passages) {
  const head = make("summary", {}, "Prompt");
  if (!template) return make("details", {}, head, make("p", {}, "Its template is not known to this page."));
  const turns = promptTurns(template, question, passages).flatMap(([role, text]) => [
    make("p", { class: "role" }, role),
    textBox(text, `Turn of the ${role}`),
  ]);
  const kind = template.chat ? "turns of a chat" : "plain text to be continued";
  const name = make("p", { class: "aside" }, "Template ", named(template.name), ` (${template.hash.slice(0, 12)}), ${kind}`);
  return make("details", { class: "prompt" }, head, name, ...turns);
}

function questionPart(asked, question) {
  const list = (values) => values.flatMap((value, place) => [place ? " / " : "", named(value)]);
  const gold = asked.answerable ? list(asked.answers) : ["none: it cannot be answered, and a blank is right"];
  const about = [
    ["", asked.type],
    ["task ", question[TASK]],
    ["data set ", question[DATASET]],
    ["cluster ", asked.cluster],
    ["question ", question[ID]],
  ].filter(([, value]) => value);
  return [
    factList([
      ["Gold answer", ...gold, ...(asked.unit ? [" ", named(asked.unit)] : [])],
      ["Options", ...list(asked.options)],
    ]),
    make("p", { class: "about" }, ...about.flatMap(([name, value], place) => [place ? " \u00b7 " : "", name, named(value)])),
  ];
}

function costFacts(table, texts, row) {
  const outputs = table.output_tokens[row];
  if (outputs === null) return [];
  const together = texts.concurrency[row];
  const loss = texts.loss_nll[row];
  const isScored = table.metrics.some((metric) => metric.name.startsWith("loss@") && scoreOf(metric, row) !== null);
  return [
    ["Tokens", `${texts.prompt_tokens[row]} in the prompt, ${outputs} in the answer`],
    ["Latency", `${secondsText(table.latency_ms[row])}, ${counted(together, "prompt", "prompts")} answered together`],
    ["Loss of the gold answer", ...(isScored || loss === null ? [] : [`${thousandthsText(loss)} nats per token`])],
  ];
}

function thousandthsText(value) {
  return (value / 1000).toFixed(3);
}

/** What is noted of an answer; where a confidence comes from stands beside it. */
function noteFacts(texts, row) {
  const notes = texts.notes[texts.note[row]];
  const confidence = texts.confidence[row];
  return notes.map(([name, value]) =>
    name === "Confidence from" && confidence !== null
      ? ["Confidence", `${thousandthsText(confidence)} (${visible(value)})`]
      : [name, named(value)]
  );
}

/** An answer with its outcome, what it took and what is noted of it. */
function answerPart(table, texts, row) {
  const text = texts.answers[table.answer[row]];
  const wasAnswered = table.output_tokens[row] !== null;
  const outcome = ["Outcome", outcomeMark(table.outcomes[table.outcome[row]]), `, score ${scoreText(primaryOf(table, row))}`];
  return [
    make("h3", {}, "Answer"),
    wasAnswered && text ? textBox(text, "Answer") : make("p", {}, wasAnswered ? "The answer is empty." : "There is no answer."),
    factList([outcome, ...noteFacts(texts, row), ...costFacts(table, texts, row)]),
  ];
}

function scorePart(table, row) {
  const scores = table.metrics
    .map((metric, place) => [metric.name, scoreOf(metric, row), place === table.primary[row]])
    .filter(([, value]) => value !== null)
    .map(([name, value, decides]) => [decides ? `${visible(name)} (decides)` : visible(name), scoreText(value)]);
  if (!scores.length) return [];
  const list = factList(scores);
  list.classList.add("scores");
  return [make("h3", {}, "Scores"), list];
}

const ANSWERS_HEAD = ["Model", "Size", "Condition", "Outcome", "Score", "Tokens", "Latency", "Answer"];

/** Every cell's answer to the question of a row; the button of each opens it. */
function everyAnswer(table, texts, row, open) {
  const rows = [];
  for (let other = 0; other < table.question.length; other += 1) {
    if (table.question[other] === table.question[row]) rows.push(other);
  }
  const lines = rows.map((other) => {
    const cell = table.cells[table.cell[other]];
    const text = texts.answers[table.answer[other]];
    const name = make("button", { type: "button", class: "plain", onclick: () => open(other) }, named(cell.model));
    const repeat = cell.repeat ? ` #${cell.repeat + 1}` : "";
    return make(
      "tr",
      { "aria-current": other === row ? "true" : null },
      make("th", { scope: "row" }, name),
      make("td", {}, cell.size),
      make("td", {}, named(cell.condition), repeat),
      make("td", {}, outcomeMark(table.outcomes[table.outcome[other]])),
      make("td", { class: "number" }, scoreText(primaryOf(table, other))),
      make("td", { class: "number" }, String(table.output_tokens[other] ?? "\u2013")),
      make("td", { class: "number" }, secondsText(table.latency_ms[other])),
      make("td", { class: "said", dir: "auto" }, oneLine(text, 300))
    );
  });
  const head = make("tr", {}, ...ANSWERS_HEAD.map((name) => make("th", { scope: "col" }, name)));
  const answers = make("table", {}, make("thead", {}, head), make("tbody", {}, ...lines));
  const box = { class: "scroll", tabindex: "0", role: "region", "aria-label": "Every model's answer" };
  return [make("h3", {}, "Every model\u2019s answer"), make("div", box, answers)];
}

/** All that is shown of one case, as elements. */
function caseParts(table, texts, row, open) {
  const question = table.questions[table.question[row]];
  const asked = texts.questions[table.question[row]];
  const passages = texts.lists[texts.list[row]].map((place) => texts.passages[place]);
  const lost = texts.lost_passages[row] ?? 0;
  const cited = texts.notes[texts.note[row]].filter(([name]) => name === "Cites").map(([, id]) => id);
  const shown = passages.slice(0, passages.length - lost);
  return [
    make("h2", { id: "case-title", tabindex: "-1", dir: "auto" }, visible(question[TEXT])),
    make("p", { class: "who" }, ...cellName(table.cells[table.cell[row]]), " ", make("small", {}, named(texts.labels[row]))),
    ...questionPart(asked, question),
    ...answerPart(table, texts, row),
    ...scorePart(table, row),
    ...everyAnswer(table, texts, row, open),
    ...passagePart(asked, passages, lost, cited),
    promptPart(texts.templates[question[DATASET]], question[TEXT], shown),
  ];
}
