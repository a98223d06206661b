"use strict";

// Makes the headers of a table buttons that sort its rows, and opens what is folded where a link
// or paper asks for it. Without this script the tables are whole, in the order of the run, and
// browsers since 2024 open what is folded by themselves.

function value(row, column) {
  const field = row.cells[column];
  const number = field.dataset.sort;
  return number === undefined ? field.textContent.trim() : Number(number);
}

// Fields without a number stand last, whichever way the others are sorted.
function compare(a, b, sign) {
  const [isNumberA, isNumberB] = [typeof a === "number", typeof b === "number"];
  if (isNumberA !== isNumberB) return isNumberA ? -1 : 1;
  if (isNumberA) return sign * (a - b);
  return sign * a.localeCompare(b, "en", { numeric: true });
}

function sort(table, header) {
  const sign = header.getAttribute("aria-sort") === "ascending" ? -1 : 1;
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  header.setAttribute("aria-sort", sign === 1 ? "ascending" : "descending");
  const body = table.tBodies[0];
  const column = header.cellIndex;
  const rows = [...body.rows];
  rows.sort((a, b) => compare(value(a, column), value(b, column), sign));
  body.append(...rows);
}

// A box is a stop of the Tab key only where there is something to scroll to in it.
function stop() {
  for (const box of document.querySelectorAll(".scroll")) {
    const isWider = box.scrollWidth > box.clientWidth;
    box.tabIndex = isWider ? 0 : -1;
    const hint = box.querySelector(".sideways");
    if (hint) hint.hidden = !isWider;
    fade(box);
  }
}

function fade(box) {
  const rest = box.scrollWidth - box.clientWidth - box.scrollLeft;
  box.classList.toggle("more", rest > 1);
}

stop();
addEventListener("resize", stop);
addEventListener("toggle", stop, true);
addEventListener("scroll", (event) => {
  if (event.target.classList?.contains("scroll")) fade(event.target);
}, true);

const all = document.querySelector(".all");
if (all && document.querySelectorAll("details.section").length > 1) {
  all.hidden = false;
  all.firstElementChild.addEventListener("click", () => {
    for (const details of document.querySelectorAll("details.section")) details.open = true;
    all.hidden = true;
  });
}

function reveal() {
  const target = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
  const folded = target && target.closest("details");
  if (!folded || folded.open) return;
  folded.open = true;
  target.scrollIntoView();
}

reveal();
addEventListener("hashchange", reveal);

const opened = [];
addEventListener("beforeprint", () => {
  opened.push(...document.querySelectorAll("details.section:not([open])"));
  for (const details of opened) details.open = true;
});
addEventListener("afterprint", () => {
  for (const details of opened.splice(0)) details.open = false;
});

for (const table of document.querySelectorAll("table.sortable")) {
  for (const header of table.tHead.rows[0].cells) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...header.childNodes);
    button.addEventListener("click", () => sort(table, header));
    header.append(button);
  }
  table.caption.querySelector(".hint").hidden = false;
}
