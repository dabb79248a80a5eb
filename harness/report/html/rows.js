const SPARE_ROWS = 6;

/**
 * A list of which only the rows in sight are in the document.
 *
 * `grid` has the focus and the keys, `body` within it scrolls. `draw(place)` makes the cells of one row, `open(place)` is
 * called when it is chosen.
 */
function virtualRows(grid, body, { draw, open }) {
  const probe = make("div", { class: "case-row", "aria-hidden": "true" }, "\u00a0");
  const space = make("div", { class: "space", role: "presentation" });
  const state = { count: 0, active: 0, height: 1 };
  body.append(space);

  function measure() {
    space.append(probe);
    state.height = probe.offsetHeight || 1;
    probe.remove();
    space.style.height = `${state.count * state.height}px`;
  }

  function row(place) {
    const element = make("div", {
      class: "case-row",
      role: "row",
      id: `case-row-${place}`,
      "aria-rowindex": place + 2,
      "aria-selected": String(place === state.active),
    });
    element.dataset.place = place;
    element.style.transform = `translateY(${place * state.height}px)`;
    element.append(...draw(place));
    return element;
  }

  function show() {
    const first = Math.max(0, Math.floor(body.scrollTop / state.height) - SPARE_ROWS);
    const last = Math.min(state.count, Math.ceil((body.scrollTop + body.clientHeight) / state.height) + SPARE_ROWS);
    const shown = [];
    for (let place = first; place < last; place += 1) shown.push(row(place));
    space.replaceChildren(...shown);
    const isShown = state.active >= first && state.active < last;
    if (isShown) grid.setAttribute("aria-activedescendant", `case-row-${state.active}`);
    else grid.removeAttribute("aria-activedescendant");
  }

  function activate(place) {
    state.active = Math.max(0, Math.min(state.count - 1, place));
    const top = state.active * state.height;
    if (top < body.scrollTop) body.scrollTop = top;
    const bottom = top + state.height - body.clientHeight;
    if (bottom > body.scrollTop) body.scrollTop = bottom;
    show();
  }

  function reset(count) {
    state.count = count;
    state.active = 0;
    body.scrollTop = 0;
    measure();
    show();
  }

  const page = () => Math.max(1, Math.floor(body.clientHeight / state.height) - 1);
  const steps = {
    ArrowDown: () => state.active + 1,
    ArrowUp: () => state.active - 1,
    PageDown: () => state.active + page(),
    PageUp: () => state.active - page(),
    Home: () => 0,
    End: () => state.count - 1,
  };
  grid.addEventListener("keydown", (event) => {
    if (event.target !== grid || !state.count || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key in steps) activate(steps[event.key]());
    else if (event.key === "Enter" || event.key === " ") open(state.active);
    else return;
    event.preventDefault();
  });
  body.addEventListener("click", (event) => {
    const element = event.target.closest(".case-row");
    if (!element) return;
    activate(Number(element.dataset.place));
    open(state.active);
  });
  let isWaiting = false;
  body.addEventListener("scroll", () => {
    if (isWaiting) return;
    isWaiting = true;
    requestAnimationFrame(() => {
      isWaiting = false;
      show();
    });
  });
  new ResizeObserver(() => {
    measure();
    show();
  }).observe(body);
  return { reset, show, activate };
}
