const COLUMNS = [
  ["model", "Model"],
  ["condition", "Condition"],
  ["question", "Question"],
  [null, "Answer"],
  ["outcome", "Outcome"],
  ["score", "Score"],
  ["tokens", "Tokens"],
  ["latency", "Latency"],
];
const TYPING_MS = 120;
const ROW_CHARACTERS = 160;

function chooser(name, label, values) {
  const options = [make("option", { value: "" }, `all (${values.length})`)];
  for (const value of values) options.push(make("option", { value }, visible(value)));
  const select = make("select", { name });
  select.append(...options);
  return make("label", { class: "field" }, make("span", {}, label), select);
}

function choosers(table) {
  const tasks = distinct(table.questions.map((question) => question[TASK])).filter(Boolean);
  const datasets = distinct(table.questions.map((question) => question[DATASET])).filter(Boolean);
  const outcomes = table.outcomes.filter((_, place) => table.outcome.includes(place));
  const search = make("input", { type: "search", name: "words", placeholder: "in questions and answers", autocomplete: "off" });
  const keys = COLUMNS.filter(([key]) => key).map(([key, name]) => make("option", { value: key }, name));
  const sort = make("select", { name: "sort" }, make("option", { value: "" }, "order of the run"), ...keys);
  return make(
    "form",
    { class: "filters", role: "search", "aria-label": "Filter the cases" },
    chooser("model", "Model", distinct(table.cells.map((cell) => cell.model))),
    chooser("condition", "Condition", distinct(table.cells.map((cell) => cell.condition))),
    ...(datasets.length > 1 ? [chooser("dataset", "Data set", datasets)] : []),
    ...(tasks.length > 1 ? [chooser("task", "Task", tasks)] : []),
    chooser("outcome", "Outcome", outcomes),
    make("label", { class: "field wide" }, make("span", {}, "Text"), search),
    make("label", { class: "field sorter" }, make("span", {}, "Sort by"), sort),
    make("button", { type: "reset" }, "Clear")
  );
}

function caseCells(table, texts, row) {
  const cell = table.cells[table.cell[row]];
  const question = table.questions[table.question[row]];
  const answer = texts ? oneLine(texts.answers[table.answer[row]], ROW_CHARACTERS) : "";
  const repeat = cell.repeat ? ` #${cell.repeat + 1}` : "";
  const part = (name, ...children) => make("span", { role: "gridcell", class: `c-${name}` }, ...children);
  return [
    part("model", named(cell.model)),
    part("condition", named(cell.condition), repeat),
    part("question", make("bdi", {}, oneLine(question[TEXT], ROW_CHARACTERS))),
    part("answer", make("bdi", {}, answer)),
    part("outcome", outcomeMark(table.outcomes[table.outcome[row]])),
    part("score", scoreText(primaryOf(table, row))),
    part("tokens", String(table.output_tokens[row] ?? "\u2013")),
    part("latency", secondsText(table.latency_ms[row])),
  ];
}

/** The drawer in which a case is shown; `step` says which row comes before or after in the list. */
function caseDrawer(table, { texts, step }) {
  const body = make("div", { class: "case" });
  const close = make("button", { type: "button", onclick: () => drawer.close() }, "Close");
  const previous = make("button", { type: "button", onclick: () => move(-1) }, "Previous");
  const next = make("button", { type: "button", onclick: () => move(1) }, "Next");
  const bar = make("div", { class: "bar" }, previous, next, close);
  const drawer = make("dialog", { class: "drawer", "aria-labelledby": "case-title" }, bar, body);
  const state = { row: 0 };

  async function open(row) {
    state.row = row;
    const found = await texts;
    body.replaceChildren(...caseParts(table, found, row, open));
    previous.disabled = step(row, -1) === null;
    next.disabled = step(row, 1) === null;
    if (!drawer.open) drawer.showModal();
    drawer.scrollTop = 0;
    document.getElementById("case-title").focus();
    point(`#case=${encodeURIComponent(found.labels[row])}`);
  }

  function move(by) {
    const row = step(state.row, by);
    if (row !== null) open(row);
  }

  drawer.addEventListener("close", () => point("#explorer"));
  drawer.addEventListener("click", (event) => {
    if (event.target === drawer) drawer.close();
  });
  drawer.addEventListener("keydown", (event) => {
    if (event.target.closest(".scroll, input, select")) return;
    if (event.key === "ArrowLeft") move(-1);
    if (event.key === "ArrowRight") move(1);
  });
  document.body.append(drawer);
  return { open };
}

/** The address of what is shown, for a link; a page in a sandbox has none. */
function point(hash) {
  try {
    history.replaceState(null, "", hash);
  } catch {
    return;
  }
}

function sortHeads(sortBy) {
  const heads = COLUMNS.map(([key, name]) => {
    const label = key ? make("button", { type: "button", onclick: () => sortBy(key) }, name) : name;
    return make("span", { role: "columnheader", class: `c-${name.toLowerCase()}` }, label);
  });
  const row = make("div", { class: "case-heads", role: "row", "aria-rowindex": "1" }, ...heads);
  const tell = (key, downwards) => {
    COLUMNS.forEach(([other], place) => {
      heads[place].ariaSort = other && other === key ? (downwards ? "descending" : "ascending") : null;
    });
  };
  return { row, tell };
}

function startExplorer(table, texts) {
  const state = { rows: [], sorted: sortedRows(table, null), sort: "", downwards: false, texts: null };
  const keys = sortKeys(table);
  const form = choosers(table);
  const status = document.getElementById("explorer-status");
  const empty = make("p", { class: "empty", hidden: true }, "No case matches. Clear the filters to see all.");
  const heads = sortHeads((key) => sortBy(key, state.sort === key && !state.downwards));
  const body = make("div", { class: "case-rows", role: "rowgroup" });
  const about = { role: "grid", tabindex: "0", "aria-label": "Cases", "aria-colcount": COLUMNS.length };
  const grid = make("div", { class: "cases", ...about }, make("div", { role: "rowgroup" }, heads.row), body);
  const list = virtualRows(grid, body, {
    draw: (place) => caseCells(table, state.texts, state.rows[place]),
    open: (place) => drawer.open(state.rows[place]),
  });
  const drawer = caseDrawer(table, {
    texts,
    step: (row, by) => {
      const place = state.rows.indexOf(row);
      return place < 0 ? null : (state.rows[place + by] ?? null);
    },
  });

  function sortBy(key, downwards) {
    Object.assign(state, { sort: key, downwards, sorted: sortedRows(table, keys[key], downwards) });
    form.elements.sort.value = key;
    heads.tell(key, downwards);
    filter();
  }

  function filter() {
    const value = (name) => form.elements[name]?.value ?? "";
    const choice = Object.fromEntries(["model", "condition", "dataset", "task", "outcome", "words"].map((name) => [name, value(name)]));
    state.rows = chosenRows(table, state.texts?.answers, state.sorted, choice);
    status.textContent = `${state.rows.length.toLocaleString("en")} of ${counted(table.cell.length, "case", "cases")}`;
    empty.hidden = state.rows.length > 0;
    grid.setAttribute("aria-rowcount", state.rows.length + 1);
    list.reset(state.rows.length);
  }

  let typing = 0;
  form.addEventListener("input", (event) => {
    clearTimeout(typing);
    if (event.target.name === "sort") sortBy(event.target.value, false);
    else if (event.target.name === "words") typing = setTimeout(filter, TYPING_MS);
    else filter();
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(() => sortBy("", false)));
  document.getElementById("explorer-box").prepend(form);
  document.getElementById("explorer-box").append(grid, empty);
  filter();
  texts.then((found) => {
    state.texts = found;
    if (form.elements.words.value) filter();
    else list.show();
    openLinked(found.labels, drawer);
  });
}

/** Opens the case that the address names. */
function openLinked(labels, drawer) {
  if (!location.hash.startsWith("#case=")) return;
  const row = labels.findIndex((label) => `#case=${encodeURIComponent(label)}` === location.hash);
  if (row >= 0) drawer.open(row);
}

async function unpackExplorer() {
  const status = document.getElementById("explorer-status");
  if (typeof DecompressionStream === "undefined") {
    status.textContent = "This browser cannot unpack the cases: use one of 2023 or later, or read results.csv.";
    return;
  }
  status.textContent = "Unpacking the cases \u2026";
  const table = await unpacked("explorer-table");
  // the list is filtered and drawn before the longer block is looked at
  const texts = new Promise((resolve) => setTimeout(resolve)).then(() => unpacked("explorer-texts"));
  startExplorer(table, texts);
  performance.mark("explorer-ready");
  document.documentElement.dataset.explorer = "ready";
}

unpackExplorer();
