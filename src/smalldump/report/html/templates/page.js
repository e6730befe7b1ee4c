"use strict";
// Sorting, and opening everything for print; the page is whole without it.
(() => {
  const key = (row, at) => row.cells[at].innerText.trim();
  const plain = (text) => text.replace(/[,`]/g, "");
  const numeric = (text) => /^-?\d+$/.test(plain(text));

  const compare = (a, b) => {
    if (numeric(a) && numeric(b)) return Number(plain(a)) - Number(plain(b));
    return a.localeCompare(b, "en", { numeric: false, sensitivity: "base" });
  };

  const sort = (table, at, heading) => {
    const down = heading.getAttribute("aria-sort") === "ascending";
    const body = table.tBodies[0];
    const rows = [...body.rows].map((row) => [key(row, at), row]);
    rows.sort((a, b) => (a[0] === "") - (b[0] === "") || (down ? -1 : 1) * compare(a[0], b[0]));
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", down ? "descending" : "ascending");
    body.append(...rows.map((pair) => pair[1]));
  };

  for (const table of document.querySelectorAll("table.sortable")) {
    [...table.tHead.rows[0].cells].forEach((heading, at) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...heading.childNodes);
      button.addEventListener("click", () => sort(table, at, heading));
      heading.append(button);
    });
  }

  const closed = new Set();
  addEventListener("beforeprint", () => {
    for (const each of document.querySelectorAll("details:not([open])")) closed.add(each), (each.open = true);
  });
  addEventListener("afterprint", () => {
    for (const each of closed) each.open = false;
    closed.clear();
  });
})();
