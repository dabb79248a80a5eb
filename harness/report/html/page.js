function remembered(value) {
  // a page opened from a file may have no storage
  try {
    if (value !== undefined) localStorage.setItem("pytest-scaling-theme", value);
    return localStorage.getItem("pytest-scaling-theme");
  } catch {
    return null;
  }
}

function offerThemes() {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const button = make("button", { type: "button", id: "theme" });
  const root = document.documentElement;
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
  const tell = () => {
    button.textContent = isDark() ? "Light theme" : "Dark theme";
  };
  if (["light", "dark"].includes(remembered())) root.dataset.theme = remembered();
  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    remembered(root.dataset.theme);
    tell();
  });
  system.addEventListener("change", tell);
  tell();
  document.getElementById("actions").append(button);
}

function foldContents() {
  const wide = matchMedia("(min-width: 70rem)");
  const contents = document.getElementById("contents");
  const fit = () => {
    contents.open = wide.matches;
  };
  wide.addEventListener("change", fit);
  contents.addEventListener("click", (event) => {
    if (event.target.closest("a") && !wide.matches) contents.open = false;
  });
  fit();
}

function followReader() {
  const links = new Map(
    [...document.querySelectorAll("#contents a")].map((link) => [link.hash.slice(1), link])
  );
  const seen = new IntersectionObserver(
    (entries) => {
      for (const entry of entries) {
        if (!entry.isIntersecting) continue;
        for (const link of links.values()) link.removeAttribute("aria-current");
        links.get(entry.target.id).setAttribute("aria-current", "true");
      }
    },
    { rootMargin: "-10% 0px -80% 0px" }
  );
  for (const key of links.keys()) {
    const target = document.getElementById(key);
    if (target) seen.observe(target);
  }
}

const UNITS = { ms: 1e-3, s: 1, k: 1e3, m: 1e6, b: 1e9, t: 1e12, "%": 1 };
const NUMBER = /^[<>\u2248~ ]*([+\-\u2212]?\d[\d,]*\.?\d*(?:e[+-]?\d+)?)\s*(ms|[skmbt%])?(?![\w.])/i;

/** The number that a cell starts with, in its base unit, or null. */
function leadingNumber(text) {
  const found = NUMBER.exec(text);
  if (!found) return null;
  const number = Number(found[1].replaceAll(",", "").replace("\u2212", "-"));
  return number * (found[2] ? UNITS[found[2].toLowerCase()] : 1);
}

function sortTable(table, column, downwards) {
  const body = table.tBodies[0];
  const rows = [...body.rows].map((row) => ({ row, text: row.cells[column].textContent.trim() }));
  const collator = new Intl.Collator("en", { numeric: true });
  const numbers = rows.map(({ text }) => leadingNumber(text));
  const hasNumber = numbers.some((number) => number !== null);
  const areNumbers = hasNumber && rows.every(({ text }, place) => numbers[place] !== null || !/\d/.test(text));
  rows.forEach((entry, place) => {
    entry.value = areNumbers ? numbers[place] : entry.text;
  });
  const way = downwards ? -1 : 1;
  rows.sort((a, b) => {
    // what has no number stays last both ways
    if (a.value === null || b.value === null) return (a.value === null) - (b.value === null);
    return way * (areNumbers ? a.value - b.value : collator.compare(a.value, b.value));
  });
  body.append(...rows.map(({ row }) => row));
}

function makeSortable(table) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = make("button", { type: "button", title: "Sort" });
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const downwards = head.ariaSort === "ascending";
      for (const other of heads) other.ariaSort = null;
      head.ariaSort = downwards ? "descending" : "ascending";
      sortTable(table, column, downwards);
    });
  });
}

function unfoldForPrint() {
  const opened = [];
  addEventListener("beforeprint", () => {
    for (const part of document.querySelectorAll("main details:not([open])")) {
      part.open = true;
      opened.push(part);
    }
  });
  addEventListener("afterprint", () => {
    for (const part of opened.splice(0)) part.open = false;
  });
}

offerThemes();
foldContents();
followReader();
document.querySelectorAll("main table").forEach(makeSortable);
unfoldForPrint();
