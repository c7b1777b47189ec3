// The explorer inside a report: items by filter, and one item with its answers. The data are JSON
// in the page, as gzip in base64; every text enters it as a text node, by page.js, which stands before it. The address
// after # holds filter and item.
"use strict";

const SVG = "http://www.w3.org/2000/svg";
const PACKED = Uint8Array.from(atob(document.getElementById("explorer-data").textContent), (c) => c.charCodeAt(0));
const DATA = await new Response(new Blob([PACKED]).stream().pipeThrough(new DecompressionStream("gzip"))).json();
const ROOT = document.getElementById("explorer-here");
const PAGE = 50;
const MARKS = DATA.marks;
const FILTERS = ["task", "category", "cell", "mark", "rule", "blame", "solved", "q", "said"];

const text = (number, of = "texts") => (number === null ? null : DATA[of][number]);
const OF = { 5: "thinking_text", 6: "description" }; // what has a table of its own
const written = (answer, n) => text(answer[n], OF[n]) || "";
const cellMatches = (name, wanted) =>
  wanted.endsWith("/*") ? name.startsWith(wanted.slice(0, -1)) : name === wanted;

// An answer: [cell, mark, rule, prediction, text, thinking, description, score, told, sample].
const [CELL, MARK, RULE, READ, SAID, THOUGHT, DESCRIBED, TOLD, SAMPLE] = Array(9).keys();

const about = (item) => [DATA.names[item.task], item.category].filter(Boolean).join(" · ");

// A text with the words marked that say more than they may.
function marked(own, words) {
  if (!words.length) return own;
  const any = words.map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("|");
  return own.normalize("NFC").split(new RegExp(`(?<!\\w)(${any})(?!\\w)`))
    .map((part, n) => (n % 2 ? h("mark", { title: "a leak" }, part) : part));
}

function marksOf(item) {
  const found = new Map();
  for (const answer of item.answers) {
    if (!found.has(answer[CELL])) found.set(answer[CELL], []);
    found.get(answer[CELL]).push(MARKS[answer[MARK]]);
  }
  return found;
}

function kind(marks) {
  if (!marks.length) return "none";
  const right = marks.filter((mark) => mark === "right").length;
  if (new Set(marks).size > 1) return 2 * right >= marks.length ? "right" : "wrong";
  return marks[0];
}

function sign(marks) {
  if (marks.length > 1)
    return `${marks.filter((mark) => mark === "right").length}/${marks.length}`;
  return marks.length ? DATA.signs[marks[0]] : "·";
}

function markNode(marks) {
  return h("span", { class: `mark ${kind(marks)}` }, sign(marks), h("span", { class: "hidden" }, ` ${kind(marks)}`));
}

function small(grid, marks) {
  const rows = grid.cells.length;
  const columns = grid.reasoning.length;
  const node = document.createElementNS(SVG, "svg");
  const cells = grid.cells.flat().map((cell) => marks.get(cell) || []);
  const asked = cells.filter((own) => own.length);
  const right = asked.filter((own) => kind(own) === "right").length;
  const about = {
    class: "small", viewBox: `0 0 ${columns * 10} ${rows * 10}`, width: columns * 10, height: rows * 10,
    role: "img", "aria-label": `${grid.name}: ${right} of ${asked.length} right`,
  };
  for (const [key, value] of Object.entries(about)) node.setAttribute(key, value);
  cells.forEach((own, n) => {
    const rect = document.createElementNS(SVG, "rect");
    const place = {
      class: kind(own), x: (n % columns) * 10 + 1, y: Math.floor(n / columns) * 10 + 1, width: 8, height: 8,
    };
    for (const [key, value] of Object.entries(place)) rect.setAttribute(key, value);
    node.append(rect);
  });
  return node;
}

function large(grid, marks, open) {
  const head = grid.reasoning.map((size) =>
    h("th", { scope: "col" }, grid.perception[0] ? h("small", {}, "R ") : null, size));
  const body = grid.cells.map((row, y) =>
    h("tr", {},
      h("th", { scope: "row" }, grid.perception[y] ? [h("small", {}, "P "), grid.perception[y]] : h("span", { class: "hidden" }, "end to end")),
      row.map((cell) => {
        const own = marks.get(cell) || [];
        if (!own.length) return h("td", {}, markNode(own));
        const button = h("button", { class: "plain", type: "button" }, markNode(own));
        button.addEventListener("click", () => open(cell));
        return h("td", {}, button);
      })));
  return h("table", { class: "grid" }, h("caption", {}, grid.name),
    h("thead", {}, h("tr", {}, h("td", {}, h("span", { class: "hidden" }, "perception down, reasoning across")), head)),
    h("tbody", {}, body));
}

function address(words) {
  const kept = Object.entries(words).filter(([, value]) => value);
  return `#items?${new URLSearchParams(kept)}`;
}

function wordsOf(hash) {
  return Object.fromEntries(new URLSearchParams(hash.replace(/^#items\??/, "")));
}

function found(words) {
  const q = (words.q || "").toLowerCase();
  const said = (words.said || "").toLowerCase();
  const cells = words.cell ? new Set(DATA.cells.flatMap((name, n) => (cellMatches(name, words.cell) ? [n] : []))) : null;
  const marks = words.mark === "not right" ? ["wrong", "unread"] : words.mark ? [words.mark] : null;
  const ofAnswers = cells || marks || words.rule || said;
  return DATA.items.filter((item) =>
    (!words.task || item.task === words.task) &&
    (!words.category || item.category === words.category) &&
    (!words.blame || item.blame === words.blame) &&
    (!words.solved || item.solved === words.solved) &&
    (!q || [item.id, item.gold, text(item.question) || "", ...item.options.map((n) => text(n))].join("\n").toLowerCase().includes(q)) &&
    (!ofAnswers || item.answers.some((answer) =>
      (!cells || cells.has(answer[CELL])) &&
      (!marks || marks.includes(MARKS[answer[MARK]])) &&
      (!words.rule || (DATA.rules[answer[RULE]] || "none") === words.rule) &&
      (!said || [SAID, THOUGHT, DESCRIBED].some((n) => written(answer, n).toLowerCase().includes(said))))));
}

let asked = null; // where the form has led: its fields are ahead of the address

function form() {
  const fields = [["q", "search"], ["said", "search"]].map(([name, type]) =>
    h("label", {}, DATA.labels[name], h("input", { type, name })));
  for (const choice of DATA.choices)
    fields.push(h("label", {}, DATA.labels[choice.name],
      h("select", { name: choice.name }, h("option", { value: "" }, "any"),
        choice.values.map((value) => h("option", { value }, (choice.name === "task" && DATA.names[value]) || value)))));
  const own = h("form", { class: "fields" }, fields, h("p", { class: "buttons" }, h("button", {}, "Filter"), h("a", { href: "#items?" }, "Clear")));
  const go = () => {
    asked = address(Object.fromEntries(new FormData(own)));
    location.hash = asked.slice(1);
  };
  own.addEventListener("submit", (event) => { event.preventDefault(); go(); });
  own.addEventListener("change", go);
  return own;
}

function list(words) {
  const items = found(words);
  const pages = Math.max(1, Math.ceil(items.length / PAGE));
  const page = Math.min(Math.max(Number(words.page) || 1, 1), pages);
  const rows = items.slice((page - 1) * PAGE, page * PAGE).map((item) => {
    const marks = marksOf(item);
    const question = text(item.question);
    return h("li", {}, h("a", { class: "row", href: address({ ...words, page: "", item: `${item.task}/${item.id}` }) },
      h("span", { class: "about" }, h("b", { class: "id" }, item.id), " ",
        h("small", {}, about(item)),
        question === null ? null : h("span", { class: "question" }, question.slice(0, 200))),
      h("span", { class: "told" }, item.blame ? h("span", { class: "blame" }, item.blame) : null,
        item.solved ? h("small", {}, item.solved === "never" ? "never solved" : `from ${item.solved}`) : null),
      h("span", { class: "marks" }, DATA.grids.map((grid) => small(grid, marks)))));
  });
  const link = (rel, to, name) => (to >= 1 && to <= pages ? h("a", { rel, href: address({ ...words, page: String(to) }) }, name) : null);
  return [
    h("p", { class: "count", role: "status" }, h("b", {}, count(items.length)), ` of ${count(DATA.items.length)} items.`),
    items.length ? h("ol", { class: "items" }, rows) : h("p", {}, "No item is as asked for."),
    pages > 1 ? h("p", { class: "pages" }, link("prev", page - 1, "← before"), h("span", {}, `page ${page} of ${pages}`), link("next", page + 1, "after →")) : null,
  ];
}

function answerNode(answer, item) {
  const mark = MARKS[answer[MARK]];
  const part = (name, n) => (written(answer, n) ? [h("p", { class: "label" }, name), h("div", { class: "text" }, marked(written(answer, n), n === DESCRIBED ? item.leaks : []))] : []);
  return h("details", { class: `answer ${mark}`, "data-cell": answer[CELL] },
    h("summary", {}, markNode([mark]), " ", h("code", {}, DATA.cells[answer[CELL]]),
      answer[SAMPLE] ? h("small", {}, ` sample ${answer[SAMPLE]}`) : null, " ",
      h("span", { class: "read" }, text(answer[READ]) || "–")),
    part("Description it read", DESCRIBED), part("Thinking", THOUGHT), part("Answer", SAID),
    h("p", { class: "note" }, text(answer[TOLD])));
}

function single(words) {
  const items = found(words);
  const item = DATA.items.find((own) => `${own.task}/${own.id}` === words.item);
  if (!item) return [h("p", {}, "The report has no such item."), h("p", {}, h("a", { rel: "up", href: "#items?" }, "↑ list"))];
  const at = items.indexOf(item);
  const to = (own) => address({ ...words, item: `${own.task}/${own.id}` });
  const marks = marksOf(item);
  const answers = item.answers.map((answer) => answerNode(answer, item));
  const open = (cell) => {
    const own = answers.find((node) => node.dataset.cell === String(cell));
    own.open = true;
    own.scrollIntoView();
    own.querySelector("summary").focus();
  };
  const descriptions = new Map();
  for (const answer of item.answers)
    if (written(answer, DESCRIBED) && DATA.sizes[answer[CELL]])
      descriptions.set(`${DATA.sizes[answer[CELL]]}\n${answer[DESCRIBED]}`, [DATA.sizes[answer[CELL]], written(answer, DESCRIBED)]);
  const stages = (name, rows) => (rows.length ? [h("h4", {}, name), h("dl", { class: "stages" }, rows.map(([who, told]) => [h("dt", {}, who), h("dd", {}, h("div", { class: "text" }, marked(told, item.leaks)))]))] : []);
  return [
    h("p", { class: "around" }, h("a", { rel: "up", href: address({ ...words, item: "" }) }, "↑ list"),
      at > 0 ? h("a", { rel: "prev", href: to(items[at - 1]) }, "← before") : null,
      h("span", {}, at < 0 ? `not among the ${count(items.length)} of the filter` : `${count(at + 1)} of ${count(items.length)}`),
      at >= 0 && at + 1 < items.length ? h("a", { rel: "next", href: to(items[at + 1]) }, "after →") : null),
    h("h3", {}, h("span", { class: "id" }, item.id), " ", h("small", {}, about(item))),
    h("div", { class: "beside asked" },
      item.images.length ? h("div", { class: "pictures" }, item.images.map((n, k) =>
        n === null ? h("p", { class: "note" }, "An image had no room in the report.") : h("img", { src: DATA.images[n], alt: `Image ${k + 1} of ${item.images.length} of this item` }))) : null,
      h("div", { class: "question" },
        item.question === null ? null : h("div", { class: "text lead" }, text(item.question)),
        item.options.length
          ? h("ul", { class: "options" }, item.options.map((n, k) => {
              const letter = DATA.letters[k];
              return h("li", { class: letter === item.gold ? "gold" : null }, `${letter}. `, h("span", { class: "text" }, text(n)), letter === item.gold ? h("small", {}, " gold") : null);
            }))
          : h("p", {}, "Gold answer: ", h("b", {}, item.gold)))),
    item.fault.length ? h("ul", { class: "findings" }, item.fault.map(([name, told]) => h("li", {}, `${name}: `, h("b", {}, told)))) : null,
    h("div", { class: "grids" }, DATA.grids.map((grid) => large(grid, marks, open))),
    stages(DATA.stages.instruct, item.contents.map((n) => ["", text(n)])),
    stages(DATA.stages.perceive, [...descriptions.values()]),
    h("h4", {}, "Answers"), answers,
  ];
}

const FORM = form(); // stays while the list changes: who types in it goes on

function show() {
  const words = location.hash.startsWith("#items") ? wordsOf(location.hash) : {};
  const parts = (words.item ? single(words) : list(words)).flat(Infinity).filter(Boolean);
  if (words.item) return ROOT.replaceChildren(...parts);
  if (location.hash !== asked)
    for (const field of FORM.querySelectorAll("input, select")) field.value = words[field.name] || "";
  if (FORM.parentNode !== ROOT) ROOT.replaceChildren(FORM);
  while (ROOT.lastChild !== FORM) ROOT.lastChild.remove();
  ROOT.append(...parts);
}

window.addEventListener("hashchange", () => {
  if (!location.hash.startsWith("#items")) return;
  show();
  document.getElementById("items").scrollIntoView();
});
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
  if (event.target.closest("input, select, textarea, .wide") || !location.hash.startsWith("#items")) return;
  const rel = { ArrowLeft: "prev", ArrowRight: "next", Escape: "up" }[event.key];
  const rows = Array.from(ROOT.querySelectorAll("a.row"));
  const by = { ArrowUp: -1, ArrowDown: 1 }[event.key];
  const link = rel && ROOT.querySelector(`a[rel="${rel}"]`);
  if (link) link.click();
  else if (by && rows.length && (rows.includes(document.activeElement) || by > 0))
    (rows[Math.max(0, rows.indexOf(document.activeElement) + by)] || rows.at(-1)).focus();
  else return;
  event.preventDefault();
});
// A number of the page leads to the items behind it.
for (const own of document.querySelectorAll("td[data-cell]")) {
  const words = { task: own.closest("table").dataset.task, cell: own.dataset.cell, mark: "not right" };
  own.append(h("a", { href: address(words) }, ...own.childNodes));
}
for (const own of document.querySelectorAll(".scripted")) own.hidden = false;
show();
if (location.hash.startsWith("#items")) document.getElementById("items").scrollIntoView();
