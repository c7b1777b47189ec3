// Keys: left and right for the item or page before and after, up and down in a list, / to search,
// Escape back to the list. Without this script every one of them is a link or a field.
"use strict";

function rows() {
  return Array.from(document.querySelectorAll("a.row"));
}

function step(by) {
  const all = rows();
  if (!all.length) return false;
  const at = all.indexOf(document.activeElement);
  const next = all[at < 0 ? (by > 0 ? 0 : all.length - 1) : at + by];
  if (next) next.focus();
  return true;
}

function follow(relation) {
  const link = document.querySelector(`a[rel="${relation}"]`);
  if (link) link.click();
  return Boolean(link);
}

const KEYS = {
  ArrowLeft: () => follow("prev"),
  ArrowRight: () => follow("next"),
  ArrowUp: () => step(-1),
  ArrowDown: () => step(1),
  k: () => step(-1),
  j: () => step(1),
  Escape: () => follow("up"),
  "/": () => {
    const field = document.querySelector("input[type=search]");
    if (field) field.focus();
    return Boolean(field);
  },
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
  if (event.target.closest("input, select, textarea")) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  const act = KEYS[event.key];
  if (act && act()) event.preventDefault();
});

// An answer that an address or a grid leads to is opened.
function open() {
  const place = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (place && place.tagName === "DETAILS") {
    place.open = true;
    place.scrollIntoView();
  }
}
window.addEventListener("hashchange", open);
document.addEventListener("click", (event) => {
  const link = event.target.closest('a[href^="#answer-"]');
  if (link && link.getAttribute("href") === location.hash) open();
});

// Fields that are empty stay out of the address; a list that was left is found as it was.
document.addEventListener("htmx:config:request", (event) => {
  const body = event.detail && event.detail.ctx && event.detail.ctx.request && event.detail.ctx.request.body;
  if (body instanceof FormData)
    for (const [name, value] of Array.from(body.entries())) if (value === "") body.delete(name);
});

// A run that has ended has new records: the page is read anew.
document.addEventListener("htmx:after:swap", () => {
  if (document.querySelector("[data-ended]")) location.reload();
});

// On a narrow screen the filters are folded, so that the list is seen.
if (matchMedia("(max-width: 999px)").matches)
  for (const fold of document.querySelectorAll("#filters > details")) fold.open = false;
open();

// A page that waits for records asks again.
const again = document.querySelector("[data-again]");
if (again) setTimeout(() => location.reload(), Number(again.dataset.again));
