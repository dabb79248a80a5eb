/** What a data block of the page holds: base64 of deflated JSON. */
async function unpacked(id) {
  const text = document.getElementById(id).textContent;
  const letters = atob(text);
  const bytes = new Uint8Array(letters.length);
  for (let place = 0; place < letters.length; place += 1) bytes[place] = letters.charCodeAt(place);
  const plain = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return JSON.parse(await new Response(plain).text());
}

const ID = 0;
const DATASET = 1;
const TASK = 2;
const TEXT = 3;

/** The value that decided the case: a number, a reason why there is none, or null. */
function primaryOf(table, row) {
  const place = table.primary[row];
  return place < 0 ? null : scoreOf(table.metrics[place], row);
}

function scoreOf(metric, row) {
  const place = metric.at[row];
  return place < 0 ? null : metric.values[place];
}

function distinct(values) {
  return [...new Set(values)];
}

/** Numbers by which rows are sorted; NaN comes last both ways. */
function sortKeys(table) {
  const conditions = distinct(table.cells.map((cell) => cell.condition));
  const byCondition = table.cells.map((cell, place) => conditions.indexOf(cell.condition) * table.cells.length + place);
  const number = (value) => (typeof value === "number" ? value : NaN);
  return {
    model: (row) => table.cell[row],
    condition: (row) => byCondition[table.cell[row]],
    question: (row) => table.question[row],
    outcome: (row) => table.outcome[row],
    score: (row) => number(primaryOf(table, row)),
    latency: (row) => number(table.latency_ms[row]),
    tokens: (row) => number(table.output_tokens[row]),
  };
}

/** All rows in the order of a key; equal ones stay in the order of the run. */
function sortedRows(table, key, downwards) {
  const rows = Uint32Array.from(table.cell, (_, row) => row);
  if (!key) return rows;
  const values = Float64Array.from(table.cell, (_, row) => key(row));
  const way = downwards ? -1 : 1;
  return rows.sort((a, b) => {
    const [one, other] = [values[a], values[b]];
    if (Number.isNaN(one) || Number.isNaN(other)) return Number.isNaN(one) - Number.isNaN(other) || a - b;
    return way * (one - other) || a - b;
  });
}

/** Which texts hold the words, letter case aside, as a 1 or 0 each. */
function holding(texts, words) {
  return Uint8Array.from(texts, (text) => text.toLowerCase().includes(words));
}

/** The rows, in the order of `rows`, that every choice lets through; an empty choice lets all through. */
function chosenRows(table, answers, rows, choice) {
  const lets = (wanted, value) => wanted === "" || wanted === value;
  const cells = table.cells.map((cell) => lets(choice.model, cell.model) && lets(choice.condition, cell.condition));
  const asked = table.questions.map((question) => lets(choice.task, question[TASK]) && lets(choice.dataset, question[DATASET]));
  const outcome = table.outcomes.indexOf(choice.outcome);
  const words = choice.words.trim().toLowerCase();
  const inQuestion = words ? holding(table.questions.map((question) => `${question[ID]}\n${question[TEXT]}`), words) : null;
  const inAnswer = words && answers ? holding(answers, words) : null;
  const said = (row) => inQuestion[table.question[row]] || (inAnswer !== null && inAnswer[table.answer[row]]);
  return rows.filter(
    (row) =>
      cells[table.cell[row]] &&
      asked[table.question[row]] &&
      (outcome < 0 || table.outcome[row] === outcome) &&
      (!words || said(row))
  );
}
