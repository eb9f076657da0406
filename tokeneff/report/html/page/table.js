// Tables that a click on a heading sorts: numbers by value, unknown ones last whichever way.

function sortable(table) {
  const headings = [...table.tHead.rows[0].cells], body = table.tBodies[0];
  headings.forEach((heading, column) => {
    const button = make("button", { type: "button" });
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => {
      const numeric = heading.classList.contains("n"), before = heading.getAttribute("aria-sort");
      const rising = before ? before === "descending" : !numeric;
      headings.forEach((other) => other.removeAttribute("aria-sort"));
      heading.setAttribute("aria-sort", rising ? "ascending" : "descending");
      body.append(...[...body.rows].sort((one, two) => compare(one.cells[column], two.cells[column], numeric, rising ? 1 : -1)));
    });
  });
}

function compare(one, two, numeric, direction) {
  const value = (cell) => cell.dataset.v ?? (numeric ? null : cell.textContent);
  const [first, second] = [value(one), value(two)];
  if (first === null || second === null) return (first === null) - (second === null);
  return direction * (numeric ? first - second : first.localeCompare(second, "en", { numeric: true }));
}
