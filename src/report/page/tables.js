// Tables: TanStack sorts, searches and pages; here they are drawn.

const collator = new Intl.Collator("en", { numeric: true });

/** A column of the data, with what is asked of it: the value of a row, its text, and what it is sorted by. */
function columnOf(raw) {
  const { name, type, role, values, texts, unit } = raw;
  const base = type.replace(/\(.*/, "");
  const value = texts ? (row) => (values[row] === null ? null : texts[values[row]]) : (row) => values[row];
  const column = { name, type, role, number: ["int64", "float64", "decimal"].includes(base), time: base === "timestamp", value };
  // Numbers are named by keys too, and a key has no thousands.
  const plain = role === "key";
  if (column.time) {
    const us = (row) => (values[row] === null ? null : values[row] * unit);
    let fine = null;
    let of = null;
    const look = () => {
      if (of !== view.zone) [fine, of] = [precision(values.map((_, row) => us(row))), view.zone];
      return fine;
    };
    column.text = (row) => (us(row) === null ? null : instantText(us(row), look()));
    column.parts = (row) => (us(row) === null ? null : { ...instant(us(row), look()), day: look() === "day" });
    column.sort = us;
  } else if (base === "decimal") {
    column.text = (row) => (values[row] === null ? null : plain ? values[row] : grouped(values[row]));
    // All have the same digits after the point, so without it they are whole numbers.
    column.sort = (row) => (values[row] === null ? null : BigInt(values[row].replace(".", "")));
  } else if (column.number) {
    column.text = (row) => (values[row] === null ? null : plain ? String(values[row]) : grouped(values[row]));
    const key = (x) => (typeof x !== "string" ? x : /^-?\d+$/.test(x) ? BigInt(x) : x === "-inf" ? -Infinity : Infinity);
    column.sort = (row) => (values[row] === null ? null : key(values[row]));
  } else {
    column.text = (row) => (value(row) === null ? null : String(value(row)));
    column.sort = base === "string" ? value : column.text;
  }
  return column;
}

/** A column of values that are at hand: `{ name, number, cell(row), sort(row) }`. */
function plainColumn(name, text, options) {
  return { name, text, sort: options?.sort ?? text, number: options?.number ?? false, node: options?.node, time: false };
}

const ascending = (a, b) => (typeof a === "string" && typeof b === "string" ? collator.compare(a, b) || (a < b ? -1 : a > b ? 1 : 0) : a < b ? -1 : a > b ? 1 : 0);

/** A table of `rows` rows. One of more than `whole` can be searched and paged, and says in a live region what it shows. */
function tableOf({ label, columns, rows, pageSize = 25, whole = 10 }) {
  const tools = rows > whole;
  const table = vendor.table({
    data: Array.from({ length: rows }, (_, row) => row),
    columns: columns.map((column, i) => ({
      id: String(i),
      accessorFn: (row) => column.sort(row) ?? undefined,
      sortFn: (a, b, id) => ascending(a.getValue(id), b.getValue(id)),
      sortUndefined: "last",
      sortDescFirst: false,
    })),
    enableSortingRemoval: false,
    enableMultiSort: false,
    autoResetPageIndex: false,
    getColumnCanGlobalFilter: (column) => column.id === "0",
    globalFilterFn: (row, _, wanted) => wanted.every((word) => haystack(row.original).includes(word)),
    initialState: { pagination: { pageIndex: 0, pageSize: tools ? pageSize : Math.max(rows, 1) } },
  });

  // What a search looks at: texts as they are shown, and numbers without their groups.
  let hay = [];
  const haystack = (row) => {
    hay[row] ??= columns
      .map((column) => {
        const text = column.text(row) ?? "";
        return column.number ? `${text}\n${text.replaceAll(",", "")}` : text;
      })
      .join("\n")
      .toLowerCase();
    return hay[row];
  };

  const heads = columns.map((column, i) => {
    const arrow = el("span", { class: "arrow", "aria-hidden": "true" });
    const button = el("button", { type: "button", onclick: () => sort(i) }, el("span", {}, column.name), arrow);
    const th = el("th", { scope: "col", class: column.number ? "number" : null, "aria-sort": "none" }, button);
    return { th, arrow };
  });
  const body = el("tbody");
  const status = el("p", { class: "status", role: "status", "aria-live": "polite" });
  const page = (name, symbol, to) => el("button", { type: "button", class: "page", "aria-label": name, title: name, onclick: () => go(to()) }, symbol);
  const at = () => table.store.state.pagination;
  const last = () => Math.max(table.getPageCount() - 1, 0);
  const buttons = {
    first: page("First page", "«", () => 0),
    previous: page("Previous page", "‹", () => at().pageIndex - 1),
    next: page("Next page", "›", () => at().pageIndex + 1),
    last: page("Last page", "»", last),
  };

  function go(index) {
    table.setPageIndex(Math.min(Math.max(index, 0), last()));
    draw();
  }
  function sort(i) {
    const column = table.getColumn(String(i));
    column.toggleSorting(column.getIsSorted() === "asc");
    go(0);
  }
  function cell(column, row) {
    const long = !column.number && !column.time && (column.text(row)?.length ?? 0) > 40;
    const td = el("td", { class: column.number ? "number" : long ? "long" : null });
    if (column.node) td.append(column.node(row));
    else if (column.parts) {
      const parts = column.parts(row);
      if (parts === null) td.append(el("span", { class: "null" }, "NULL"));
      else td.append(parts.text, parts.day ? "" : el("span", { class: "zone" }, ` ${parts.zone}`));
    } else {
      const text = column.text(row);
      td.append(text === null || text === undefined ? el("span", { class: "null" }, "NULL") : text);
    }
    return td;
  }
  function draw() {
    const shown = table.getRowModel().rows;
    body.replaceChildren(...shown.map((row) => el("tr", {}, columns.map((column) => cell(column, row.original)))));
    if (shown.length === 0) body.append(el("tr", {}, el("td", { colspan: columns.length, class: "none" }, "No row matches.")));
    heads.forEach(({ th, arrow }, i) => {
      const sorted = table.getColumn(String(i)).getIsSorted();
      th.setAttribute("aria-sort", sorted === "asc" ? "ascending" : sorted === "desc" ? "descending" : "none");
      arrow.textContent = sorted === "asc" ? "▲" : sorted === "desc" ? "▼" : "↕";
    });
    const { pageIndex, pageSize } = at();
    const found = table.getFilteredRowModel().rows.length;
    const from = found === 0 ? 0 : pageIndex * pageSize + 1;
    const of = found === rows ? grouped(rows) : `${grouped(found)} found in ${grouped(rows)}`;
    status.textContent = `Rows ${grouped(from)}–${grouped(Math.min((pageIndex + 1) * pageSize, found))} of ${of}`;
    buttons.first.disabled = buttons.previous.disabled = pageIndex === 0;
    buttons.next.disabled = buttons.last.disabled = pageIndex >= last();
  }

  const search = el("input", {
    type: "search",
    placeholder: "Search rows",
    "aria-label": `Search ${label}`,
    oninput: (event) => {
      const words = event.target.value.toLowerCase().split(/\s+/).filter(Boolean);
      table.setGlobalFilter(words.length ? words : undefined);
      go(0);
    },
  });
  const sizes = [10, 25, 50, 100, 500].map((n) => el("option", { value: n, selected: n === pageSize }, `${n} rows`));
  const size = el("select", {
    "aria-label": "Rows on a page",
    onchange: (event) => {
      table.setPageSize(Number(event.target.value));
      go(0);
    },
  }, sizes);
  const scroll = el("div", { class: "scroll", role: "region", tabindex: "0", "aria-label": label },
    el("table", { class: columns.length > 7 ? "wide" : null }, el("caption", { class: "hidden" }, label), el("thead", {}, el("tr", {}, heads.map(({ th }) => th))), body));
  view.redraw.add((what) => {
    if (what !== "zone" || !columns.some((column) => column.time)) return;
    hay = [];
    draw();
  });
  draw();
  return el("div", { class: "table" },
    tools && el("div", { class: "tools" }, search, el("span", { class: "fill" }), status, size, el("span", { class: "pager" }, Object.values(buttons))),
    scroll);
}
