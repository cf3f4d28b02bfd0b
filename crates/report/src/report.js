"use strict";
// Sorts and filters the tables of the page. It reads what the tables show and nothing else; without it the
// page is whole.
const PREFIXES = { n: 1e-9, "µ": 1e-6, m: 1e-3, "": 1, k: 1e3, M: 1e6, G: 1e9, T: 1e12, P: 1e15, E: 1e18 };
const NUMBER = /^[×±]?(-?\d[\d.]*(?:e-?\d+)?)\s*(?:([nµmkMGTPE]?)(?:FLOP|OP|B|s|W|J|Hz|token)\b|%|×|$| |\()/;

// What a cell sorts by: its number in base units, otherwise its words; nothing where it has neither.
function key(text) {
  text = text.trim().replace(/\u00a0/g, " ");
  if (text === "" || text === "–" || text === "-") return null;
  const number = NUMBER.exec(text);
  return number ? Number(number[1]) * PREFIXES[number[2] || ""] : text.toLowerCase();
}

// In both directions words stand behind numbers, and cells without a value at the end.
function compare(a, b, sign) {
  const rank = (value) => (value === null ? 2 : typeof value === "string" ? 1 : 0);
  if (rank(a) !== rank(b)) return rank(a) - rank(b);
  if (a === null) return 0;
  return sign * (typeof a === "number" ? a - b : a.localeCompare(b, "en", { numeric: true }));
}

// The column at which each cell of the head begins, with cells that span several rows and columns.
function columns(head) {
  const taken = [], found = new Map();
  for (const [place, row] of [...head.rows].entries()) {
    let column = 0;
    for (const cell of row.cells) {
      while (taken[place]?.[column]) column++;
      for (let down = 0; down < cell.rowSpan; down++)
        for (let right = 0; right < cell.colSpan; right++) (taken[place + down] ??= [])[column + right] = true;
      found.set(cell, column);
      column += cell.colSpan;
    }
  }
  return found;
}

function at(row, column) {
  for (const cell of row.cells) {
    if (column < cell.colSpan) return cell;
    column -= cell.colSpan;
  }
  return null;
}

const isData = (row) => !row.classList.contains("family");

for (const table of document.querySelectorAll("table.sorts")) {
  const bodies = [...table.tBodies].map((body) => ({ body, rows: [...body.rows].filter(isData) }));
  const rows = bodies.flatMap(({ rows }) => rows);
  if (rows.length < 2) continue;
  const found = columns(table.tHead);
  const heads = [...found.keys()].filter((cell) => cell.colSpan === 1);
  for (const head of heads) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const numbers = head.classList.contains("n");
      const turns = numbers ? ["descending", "ascending", null] : ["ascending", "descending", null];
      const next = turns[(turns.indexOf(head.getAttribute("aria-sort")) + 1) % 3];
      for (const other of heads) other.removeAttribute("aria-sort");
      if (next) head.setAttribute("aria-sort", next);
      const sign = next === "descending" ? -1 : 1;
      for (const { body, rows } of bodies) {
        const keyed = rows.map((row) => [row, key(at(row, found.get(head))?.textContent ?? "")]);
        if (next) keyed.sort(([, a], [, b]) => compare(a, b, sign));
        body.append(...keyed.map(([row]) => row));
      }
    });
  }
  if (rows.length < 10) continue;
  const tools = document.createElement("p"), label = document.createElement("label");
  const field = document.createElement("input"), count = document.createElement("output");
  tools.className = "tools";
  field.type = "search";
  field.placeholder = "every word, e.g. f16 nt";
  label.append("Filter ", field);
  tools.append(label, " ", count);
  table.closest(".scroll").before(tools);
  const texts = new Map();
  const filter = () => {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const { body, rows } of bodies) {
      let here = 0;
      const family = body.querySelector(".family")?.textContent ?? "";
      for (const row of rows) {
        if (!texts.has(row)) texts.set(row, `${row.textContent} ${family}`.toLowerCase());
        row.hidden = !words.every((word) => texts.get(row).includes(word));
        here += row.hidden ? 0 : 1;
      }
      body.hidden = here === 0;
      shown += here;
    }
    count.textContent = words.length ? `${shown} of ${rows.length}` : "";
  };
  field.addEventListener("input", filter);
  // A link to a row that is filtered out shows it.
  addEventListener("hashchange", () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target?.hidden && table.contains(target)) {
      field.value = "";
      filter();
      target.scrollIntoView();
    }
  });
}
