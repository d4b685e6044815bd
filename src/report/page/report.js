function header() {
  const themeButton = el("button", { type: "button", class: "plain", onclick: () => setTheme(isDark() ? "light" : "dark") });
  const applied = () => {
    document.documentElement.dataset.theme = isDark() ? "dark" : "light";
    themeButton.textContent = isDark() ? "☀ Light" : "☾ Dark";
    themeButton.setAttribute("aria-label", isDark() ? "Use light colours" : "Use dark colours");
  };
  const setTheme = (to) => {
    theme = to;
    keep(to);
    applied();
    redraw("theme");
  };
  dark.addEventListener("change", () => { applied(); redraw("theme"); });
  applied();

  const zoneButtons = [["job", data.zone.name], ["utc", "UTC"]].map(([zone, name]) =>
    el("button", { type: "button", "aria-pressed": zone === view.zone, onclick: (event) => {
      view.zone = zone;
      zoneButtons.forEach((button) => button.setAttribute("aria-pressed", String(button === event.currentTarget)));
      redraw("zone");
    } }, name));
  const zones = hasZone && el("div", { class: "switch", role: "group", "aria-label": "Time zone" }, zoneButtons);

  const { run, job } = data;
  const facts = [];
  const fact = (name, value) => facts.push(el("div", {}, el("dt", {}, name), el("dd", {}, value)));
  if (job) fact("Job", job.name);
  if (run) {
    if (run.times) {
      const fine = () => precision(run.times.map((ms) => ms * 1000)) === "day" ? "day" : "minute";
      fact("Event time", zoned(() => `${instant(run.times[0] * 1000, fine()).text} – ${instantText(run.times[1] * 1000, fine())}`));
    }
    fact("Input", `${count(run.source.count, "file", "files")}, ${bytes(run.source.bytes)}`);
  }
  if (job) {
    const delay = job.out_of_orderness_us === null ? "" : `, watermark ${length(job.out_of_orderness_us)} behind`;
    fact("Mode", job.mode + delay);
    fact("Time zone", data.zone.name);
  }
  return el("header", { class: "top" },
    el("div", { class: "wrap" },
      el("div", { class: "bar" }, el("p", { class: "brand" }, el("span", { class: "mark", "aria-hidden": "true" }), "Highwater", el("span", { class: "word" }, "report")), el("span", { class: "fill" }), zones, themeButton),
      el("h1", {}, data.title),
      facts.length > 0 && el("dl", { class: "facts" }, facts)));
}

// The account.

function account() {
  const { read, ...parts } = data.run.account;
  const names = Object.keys(parts);
  const bar = el("div", { class: "shares", "aria-hidden": "true" }, names.filter((name) => parts[name] > 0).map((name) => {
    const part = el("i", { class: name });
    part.style.flexGrow = String(parts[name]);
    return part;
  }));
  const more = (n) => (n > 0 && n < read ? percentText(percent(n, read)) : null);
  return sectionOf("Account", "Account",
    el("div", { class: "tiles account" }, tile("read", grouped(read), "records", "read"),
      names.map((name, i) => tile(name, grouped(parts[name]), more(parts[name]), `${name} ${i === 0 ? "first" : ""} ${parts[name] === 0 ? "nil" : ""}`))),
    bar,
    data.account_of && el("p", { class: "note" }, `This is the account of ${data.account_of}. Outputs of the other mode have another, as their steps see other events.`),
    data.run.rejects && el("p", { class: "note" }, `Rejected records are in ${data.run.rejects}.`));
}

// Outputs.

function placeOf({ name, link }) {
  if (!link) return el("code", {}, name);
  const made = el("a", {}, el("code", {}, name));
  made.href = link;
  return made;
}

function output(shown) {
  const { places, kind, about, rows, carried, columns } = shown;
  const title = kind === "late" ? "Late events" : places[0].name === "the terminal" ? "On the terminal" : places[0].name;
  const all = columns.map(columnOf);
  const charts = chartsOf(shown.charts, title);
  if (charts) drawLater.push(charts.draw);
  const facts = [...about.map(([name, text]) => [name, text]), ["rows", grouped(rows)]];
  const linked = places.filter((place) => place.link);
  const whole = carried < rows
    ? [`The page carries the first ${grouped(carried)} of ${grouped(rows)} rows, in the order of the files; charts are of all of them. `,
      linked.length ? ["All rows: ", placeOf(linked[0])] : "All rows: run the job."]
    : null;
  const where = places.length > 1 || linked.length
    ? el("p", { class: "places" }, places.map((place, i) => [i ? ", " : "in ", placeOf(place)])) : null;
  const note = whole && el("p", { class: "note" }, whole);
  return sectionOf(title, title,
    el("p", { class: "about" }, facts.map(([name, text]) => el("span", { class: "chip" }, el("span", {}, name), " ", el("b", {}, text)))),
    where,
    charts && card(null, charts.node),
    card(null, rows === 0 ? el("p", { class: "note" }, "No rows.") : tableOf({ label: `Rows of ${title}`, columns: all, rows: carried }), note));
}

// Late data.

function simpleTable(label, heads, rows) {
  const columns = heads.map((head, i) => plainColumn(head, (row) => rows[row][i]?.text ?? rows[row][i], {
    number: rows.some((row) => typeof row[i]?.value === "number"),
    sort: (row) => rows[row][i]?.value ?? rows[row][i],
    node: rows.some((row) => row[i]?.node) ? (row) => rows[row][i]?.node?.() ?? String(rows[row][i]?.text ?? rows[row][i] ?? "") : null,
  }));
  return tableOf({ label, columns, rows: rows.length, whole: 30 });
}

const number = (value) => ({ text: value === null || value === undefined ? "–" : grouped(value), value: Number(value ?? 0) });
const lengthCell = (us) => (us === null || us === undefined ? { text: "–", value: -1 } : { text: length(us), value: us });
const share = (part, whole) => ({ text: percentText(percent(part, whole)), value: percent(part, whole) });

/** What each delay would have cost, as lines. */
function delayChart(outputs, own) {
  const measures = [["late events", (o, d) => percent(d.late, o.events)], ["wrong rows", (o, d) => percent(d.wrong_rows, o.rows)], ["wrong windows", (o, d) => percent(d.wrong_windows, o.windows)]];
  let chosen = 0;
  const names = outputs.map((output) => output.names.join(", "));
  const delays = [...new Set(outputs.flatMap((output) => output.delays.map((d) => d.out_of_orderness_us)))].sort((a, b) => a - b);
  const box = chartBox((colour, width) => {
    const [name, of] = measures[chosen];
    const lines = outputs.map((output) => delays.map((delay) => {
      const at = output.delays.find((d) => d.out_of_orderness_us === delay);
      return at ? of(output, at) : null;
    }));
    return {
      option: {
        ...frame(colour),
        grid: { left: 8, right: 24, top: 28, bottom: 40, outerBoundsMode: "same", outerBoundsContain: "axisLabel" },
        xAxis: axisOf(colour, { type: "category", data: delays.map(length), name: "delay of the watermark (out_of_orderness)", nameLocation: "middle", nameGap: 30, boundaryGap: false }),
        yAxis: valueAxis(colour, { axisLabel: { formatter: (x) => `${short(x)} %` }, min: 0 }),
        legend: legendOf(names, new Set()),
        tooltip: { ...frame(colour).tooltip, trigger: "axis", axisPointer: { lineStyle: { color: colour.dim } },
          formatter: (found) => tip(`delay ${length(delays[found[0].dataIndex])}`, found.filter((one) => one.value !== null && one.value !== undefined).map((one) => [colour.series[Number(one.seriesName) % 8], `${names[Number(one.seriesName)]}: ${name}`, percentText(one.value)])) },
        series: lines.map((line, i) => ({
          name: String(i), type: "line", data: line, symbol: SYMBOLS[i % 8], symbolSize: 7, itemStyle: { color: colour.series[i % 8] }, lineStyle: { width: 2 }, connectNulls: true,
          areaStyle: lines.length === 1 ? { opacity: 0.12 } : undefined,
          markLine: i === 0 && delays.includes(own) ? {
            silent: true, symbol: "none", data: [{ xAxis: delays.indexOf(own) }], lineStyle: { color: colour.dim, type: "dashed" },
            label: { formatter: `the job's ${length(own)}`, color: colour.dim, position: "end", align: delays.indexOf(own) === 0 ? "left" : delays.indexOf(own) > delays.length / 2 ? "right" : "center" },
          } : undefined,
        })),
      },
      legend: names.length > 1 ? names.map((name, i) => ({ name, colour: colour.series[i % 8], hidden: false })) : null,
      height: width < 560 ? 280 : 320,
      says: `Lines: ${name} in percent against the delay of the watermark. ${outputs.map((o, i) => `${names[i]}: ${percentText(lines[i][0] ?? 0)} at ${length(delays[0])}, ${percentText(lines[i].at(-1) ?? 0)} at ${length(delays.at(-1))}`).join("; ")}.`,
      values: () => valueTable(`${name} by delay`, ["delay", ...names], delays.map((delay, at) => [{ text: length(delay), value: delay }, ...lines.map((line) => ({ text: line[at] === null ? "–" : percentText(line[at]), value: line[at] ?? -1 }))])),
    };
  });
  drawLater.push(box.draw);
  const buttons = measures.map(([name], i) => el("button", { type: "button", "aria-pressed": i === 0, onclick: (event) => {
    chosen = i;
    buttons.forEach((button) => button.setAttribute("aria-pressed", String(button === event.currentTarget)));
    box.draw();
  } }, name));
  return el("div", { class: "charts" }, el("div", { class: "tools" }, el("div", { class: "switch", role: "group", "aria-label": "What is counted" }, buttons)), box.node);
}

function audit(report) {
  const { lateness, partitions, outputs, jumps, future } = report;
  // Outputs with the same windows have the same figures.
  const alike = [];
  for (const output of outputs) {
    const { output: name, ...figures } = output;
    const known = alike.find((other) => JSON.stringify(other.figures) === JSON.stringify(figures));
    const shown = name === "-" ? "the terminal" : name;
    if (known) known.names.push(shown);
    else alike.push({ names: [shown], figures, ...figures });
  }
  const profile = (p) => [number(p.events), share(p.behind, p.events), ...[p.p50_us, p.p90_us, p.p95_us, p.p99_us, p.p99_9_us, p.p99_99_us, p.max_us].map(lengthCell)];
  const heads = ["events", "behind", "p50", "p90", "p95", "p99", "p99.9", "p99.99", "max"];
  const content = [
    el("div", { class: "tiles" },
      tile("events behind the front", percentText(percent(lateness.behind, lateness.events)), `${grouped(lateness.behind)} of ${grouped(lateness.events)}`),
      tile("half came within", length(lateness.p50_us)), tile("99 % within", length(lateness.p99_us)), tile("the latest by", length(lateness.max_us)),
      tile("the job waits", length(report.out_of_orderness_us), "out_of_orderness")),
    el("p", { class: "note" }, "How far events came behind the greatest event time before them, in order of arrival."),
    alike.length > 0 && card("What another delay would have cost", delayChart(alike, report.out_of_orderness_us)),
  ];
  for (const output of alike) {
    const columns = output.delays[0]?.columns.map((c) => c.column) ?? [];
    const rows = output.delays.map((d) => [
      { text: length(d.out_of_orderness_us) + (d.of_job ? " (job)" : ""), value: d.out_of_orderness_us },
      number(d.late), share(d.late, output.events), number(d.wrong_windows), number(d.wrong_rows), share(d.wrong_rows, output.rows), number(d.missing_rows), number(d.open_windows),
      ...d.columns.map((c) => number(c.total)),
    ]);
    const needs = output.completeness.map((c) => `${percentText(100 * c.share)} of the events with ${length(c.out_of_orderness_us)}`);
    content.push(card(output.names.join(", "),
      el("p", { class: "about" }, [["window", output.window], ["allowed lateness", length(output.allowed_lateness_us)], ["events", grouped(output.events)], ["windows", grouped(output.windows)], ["rows", grouped(output.rows)]]
        .map(([name, text]) => el("span", { class: "chip" }, el("span", {}, name), " ", el("b", {}, text)))),
      simpleTable(`Delays of ${output.names[0]}`, ["delay", "late", "late %", "wrong windows", "wrong rows", "wrong rows %", "missing rows", "open windows", ...columns.map((c) => `${c} off by`)], rows),
      needs.length > 0 && el("p", { class: "note" }, `The smallest delay that counts ${needs.join("; ")}.`)));
  }
  content.push(card("How late events came", simpleTable("Lateness", ["of", ...heads], [["all events", ...profile(lateness)], ...partitions.map((p) => [p.name, ...profile(p.lateness)])])));
  if (future && future.events > 0) content.push(el("p", { class: "note" }, `${count(future.events, "event has", "events have")} a time ahead of their arrival, the furthest by ${length(future.max_us)}.`));
  if (jumps.length) {
    const time = (text) => Date.parse(text);
    content.push(card("The largest steps of event time", simpleTable("Jumps", ["file and line", "event time", "step"], jumps.map((jump) => [`${jump.file}:${jump.line}`, { node: () => zoned(() => moment(time(jump.event_time))), text: jump.event_time, value: undefined }, lengthCell(jump.step_us)]))));
  }
  return sectionOf("Late data", "Late data", content);
}

// Differences.

function verified(verify) {
  const content = verify.outputs.map((one) => {
    const { rows, here, there } = one;
    const badge = el("span", { class: `badge ${one.same ? "good" : "bad"}` }, one.same ? "✓ the same" : "✗ different");
    const value = (x) => (x === null ? el("span", { class: "null" }, "NULL") : x === undefined ? el("span", { class: "null" }, "no row") : x);
    const lines = one.differences.flatMap((row) => {
      const key = Object.values(row.key);
      const side = row.only === "here" ? "only here" : row.only === "there" ? "only there" : "both";
      return row.cells.length ? row.cells.map((cell) => ({ key, side, cell })) : [{ key, side, cell: null }];
    });
    const keys = Object.keys(one.differences[0]?.key ?? {});
    const texts = (line) => [...line.key.map((x) => x ?? "NULL"), line.side, line.cell?.column ?? "", line.cell?.here ?? "", line.cell?.there ?? ""];
    const heads = [...keys, "row", "column", "here", "there"];
    const columns = heads.map((head, i) => plainColumn(head, (row) => texts(lines[row])[i], {
      node: i > keys.length + 1 ? (row) => value(lines[row].cell ? lines[row].cell[head] : "") : null,
    }));
    const name = one.output === "-" ? "the terminal" : one.output;
    const sides = el("p", {}, badge, ` here: ${one.here.name} (${count(one.here.rows, "row", "rows")}); there: ${one.there.name} (${count(one.there.rows, "row", "rows")})`);
    const notes = one.notes.map((note) => el("p", { class: "note" }, note));
    if (one.same) return card(name, sides, notes);
    const wrong = one.columns.filter((c) => c.different + c.null_here + c.null_there > 0);
    return card(name, sides,
      el("div", { class: "tiles" }, tile("the same", grouped(rows.matched)), tile("different", grouped(rows.differing), null, rows.differing ? "bad" : "nil"), tile("only here", grouped(rows.only_here), null, rows.only_here ? "bad" : "nil"), tile("only there", grouped(rows.only_there), null, rows.only_there ? "bad" : "nil")),
      one.explanations.length > 0 && el("div", { class: "why" }, el("strong", {}, "Why: "), one.explanations.join(" ")),
      one.schema.length > 0 && el("ul", {}, one.schema.map((s) => el("li", {}, s.only ? `the column ${s.column} is only ${s.only}` : `${s.column} is ${s.type_here} here and ${s.type_there} there`))),
      wrong.length > 0 && simpleTable(`Columns of ${one.output}`, ["column", "same", "NULL here", "NULL there", "different"], wrong.map((c) => [c.column, number(c.matched), number(c.null_here), number(c.null_there), number(c.different)])),
      lines.length > 0 && el("h4", {}, "Rows that differ"),
      lines.length > 0 && tableOf({ label: `Differences of ${one.output}`, columns, rows: lines.length }),
      one.events.map((traced) => el("details", {}, el("summary", {}, `${count(traced.events, "event", "events")} of ${[traced.window?.[0], ...Object.entries(traced.keys).map(([k, v]) => `${k} ${v ?? "NULL"}`)].filter(Boolean).join(", ")}`),
        traced.first.length > 0 && simpleTable("Events", ["file:line", "time", ...Object.keys(traced.first[0].values)], traced.first.map((e) => [`${e.file}:${e.line}`, e.time, ...Object.values(e.values).map((x) => x ?? "NULL")])))),
      one.duplicates.length > 0 && simpleTable("Keys that come more than once", [...Object.keys(one.duplicates[0].key), "side", "rows"], one.duplicates.map((d) => [...Object.values(d.key).map((x) => x ?? "NULL"), d.side, number(d.rows)])),
      notes);
  });
  const skipped = verify.skipped.map((s) => el("p", { class: "note" }, `${s.output} is not compared: ${s.why}`));
  return sectionOf("Compared", "Compared", content, skipped);
}

// Input and job.

function input() {
  const { source, tables, times, watermark } = data.run;
  const files = [...source.files, ...tables.files];
  const left = source.count + tables.count - files.length;
  const rows = files.map((file) => [file.path, file.table ?? "source", number(file.records), { text: bytes(file.bytes), value: file.bytes }, file.hash]);
  return sectionOf("Input", "Input",
    el("div", { class: "tiles" }, tile("files", grouped(source.count), tables.count ? `and ${grouped(tables.count)} of tables` : null), tile("bytes", bytes(source.bytes)), tile("records", grouped(source.records)),
      times && el("div", { class: "tile wide" }, el("span", { class: "tile-name" }, "event time"), el("span", { class: "tile-value small" }, zoned(() => moment(times[0], times[1]))), el("span", { class: "tile-value small" }, zoned(() => moment(times[1], times[0])))),
      watermark !== null && el("div", { class: "tile wide" }, el("span", { class: "tile-name" }, "watermark at the end"), el("span", { class: "tile-value small" }, zoned(() => moment(watermark))))),
    el("details", { class: "card" }, el("summary", {}, "Files, with their content hashes (XXH3)"),
      simpleTable("Input files", ["file", "of", "records", "size", "hash"], rows), left > 0 && el("p", { class: "note" }, `And ${grouped(left)} more.`)));
}

function job() {
  return sectionOf("Job", "Job", el("details", { class: "card" }, el("summary", {}, data.job.file), el("pre", { tabindex: "0" }, el("code", {}, data.job.text))));
}

// All of it.

const sections = [
  data.run && account(),
  ...data.outputs.map(output),
  data.audit && audit(data.audit),
  data.verify && verified(data.verify),
  data.run && input(),
  data.job && job(),
].filter(Boolean);
const contents = anchors.length > 2 && el("nav", { class: "contents", "aria-label": "Contents" }, el("div", { class: "wrap" }, el("ul", {}, anchors.map(([id, name]) => el("li", {}, el("a", { href: `#${id}` }, name))))));
document.getElementById("page").append(header(), ...(contents ? [contents] : []),
  el("main", { id: "main", class: "wrap", tabindex: "-1" }, sections),
  el("footer", { class: "wrap" }, `Made by ${data.tool}`, data.run && ` · plan ${data.run.hash}`));
drawLater.forEach((draw) => draw());

// Printed in light colours, at the width of paper, with everything open that is closed on the screen.
let closed = [];
addEventListener("beforeprint", () => {
  closed = [...document.querySelectorAll("details.card:not([open])")];
  closed.forEach((details) => { details.open = true; });
  document.documentElement.dataset.theme = "light";
  document.body.classList.add("printing");
  redraw("print");
});
addEventListener("afterprint", () => {
  closed.forEach((details) => { details.open = false; });
  document.documentElement.dataset.theme = isDark() ? "dark" : "light";
  document.body.classList.remove("printing");
  redraw("print");
});
