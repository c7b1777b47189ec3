// The page's own script: tables that sort and filter, and a list of contents that folds. What it
// makes enters the page as nodes and texts; without it all is there to read.
"use strict";

const count = (number) => number.toLocaleString("en");

function h(name, attributes, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {}))
    if (value !== null && value !== undefined && value !== false) node.setAttribute(key, value === true ? "" : value);
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return node;
}

// What a cell sorts by: its first number, or its text; null of a dash.
function valueOf(row, place, numeric) {
  const own = row.cells[place].textContent.trim();
  if (own === "–" || own === "") return null;
  return numeric ? Number.parseFloat(own.replace(/\u2212/g, "-").replace(/[,<]/g, "")) : own;
}

function sortable(table) {
  const body = table.tBodies[0];
  const heads = Array.from(table.tHead.rows[0].cells);
  const before = Array.from(body.rows);
  heads.forEach((head, place) => {
    const numeric = head.classList.contains("n");
    const ways = numeric ? ["descending", "ascending"] : ["ascending", "descending"];
    const button = h("button", { class: "sort", type: "button" }, ...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const way = ways[ways.indexOf(head.getAttribute("aria-sort")) + 1];
      for (const other of heads) other.removeAttribute("aria-sort");
      if (!way) return body.append(...before);
      head.setAttribute("aria-sort", way);
      const keyed = before.map((row) => [valueOf(row, place, numeric), row]);
      const turn = way === "ascending" ? 1 : -1;
      keyed.sort(([a], [b]) =>
        a === null || b === null ? (a === null) - (b === null)
          : turn * (numeric ? a - b : a.localeCompare(b, "en", { numeric: true })));
      body.append(...keyed.map(([, row]) => row));
    });
  });
}

function filterable(table) {
  const rows = Array.from(table.tBodies[0].rows);
  const told = h("span", { role: "status" });
  const field = h("input", { type: "search" });
  field.addEventListener("input", () => {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const row of rows) row.hidden = !words.every((word) => row.textContent.toLowerCase().includes(word));
    const kept = rows.filter((row) => !row.hidden).length;
    told.textContent = words.length ? `${count(kept)} of ${count(rows.length)} rows` : "";
  });
  table.parentNode.before(h("p", { class: "filter" }, h("label", {}, "Filter rows ", field), " ", told));
}

for (const table of document.querySelectorAll(".wide > table")) {
  const rows = table.tBodies[0].rows.length;
  if (rows > 1) sortable(table);
  if (rows > 8) filterable(table);
}

const contents = document.querySelector("nav.side details");
if (contents) {
  const wide = matchMedia("(min-width: 70rem)");
  const fold = () => { contents.open = wide.matches; };
  wide.addEventListener("change", fold);
  contents.addEventListener("click", (event) => { if (event.target.closest("a")) fold(); });
  fold();
  const links = new Map(Array.from(contents.querySelectorAll("a"), (link) => [link.hash.slice(1), link]));
  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries.filter((own) => own.isIntersecting)) {
      for (const link of links.values()) link.removeAttribute("aria-current");
      links.get(entry.target.id).setAttribute("aria-current", "true");
    }
  }, { rootMargin: "0px 0px -75% 0px" });
  for (const id of links.keys()) if (id !== "content") seen.observe(document.getElementById(id));
}
