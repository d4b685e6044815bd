// Charts: ECharts draws them as SVG. Names in tooltips are put into elements as text; in the picture itself they are text
// of SVG. Every chart says in words what it shows, and gives its values as a table.

/** Colours as the style has them, for the theme that holds. */
function colours() {
  const style = getComputedStyle(document.documentElement);
  const of = (name) => style.getPropertyValue(name).trim();
  return {
    series: Array.from({ length: 8 }, (_, i) => of(`--c${i}`)),
    rest: of("--rest"), ink: of("--ink"), dim: of("--dim"), line: of("--line"), card: of("--card"),
    heat: [of("--heat0"), of("--heat1"), of("--heat2"), of("--heat3")],
    font: getComputedStyle(document.body).fontFamily,
  };
}

const SYMBOLS = ["circle", "rect", "triangle", "diamond", "roundRect", "pin", "arrow", "emptyCircle"];

/** The tooltip of a point: a head, and lines of a colour, a name and a value. */
function tip(head, lines) {
  return el("div", { class: "tip" }, el("strong", {}, head),
    lines.map(([colour, name, value]) => {
      const dot = el("i");
      dot.style.background = colour;
      return el("div", {}, dot, el("span", {}, name), el("b", {}, value));
    }));
}

/**
 * A chart in a box that draws itself anew when theme, zone or width change. `make` gives `{ option, height, says, values,
 * legend }`.
 */
function chartBox(make) {
  const box = el("div", { class: "chart", role: "img" });
  const legend = el("div", { class: "legend", role: "group", "aria-label": "Series" });
  const values = el("div");
  const details = el("details", { class: "values" }, el("summary", {}, "These values as a table"), values);
  let chart = null;
  let made = null;
  const fill = () => details.open && made && values.replaceChildren(made.values());
  details.addEventListener("toggle", fill);
  const draw = () => {
    made = make(colours(), box.clientWidth || 800);
    box.style.height = `${made.height}px`;
    box.setAttribute("aria-label", made.says);
    if (chart && (chart.getHeight() !== made.height || chart.getWidth() !== box.clientWidth)) chart.resize();
    chart ??= vendor.chart(box);
    chart.setOption({ animation: false, useUTC: true, ...made.option }, { notMerge: true });
    chart.getZr().flush();
    legend.replaceChildren(...(made.legend ?? []).map(({ name, colour, hidden }, i) => {
      const dot = el("i");
      dot.style.background = colour;
      return el("button", { type: "button", "aria-pressed": !hidden, onclick: (event) => {
        const button = event.currentTarget;
        chart.dispatchAction({ type: "legendToggleSelect", name: String(i) });
        button.setAttribute("aria-pressed", String(button.getAttribute("aria-pressed") !== "true"));
      } }, dot, el("span", {}, name));
    }));
    fill();
  };
  view.redraw.add(draw);
  let width = 0;
  new ResizeObserver(() => {
    if (box.clientWidth === width || box.clientWidth === 0 || document.body.classList.contains("printing")) return;
    width = box.clientWidth;
    chart?.resize();
    draw();
  }).observe(box);
  return { node: el("div", {}, legend, box, details), draw };
}

function frame(colour) {
  return {
    textStyle: { fontFamily: colour.font, color: colour.ink },
    tooltip: {
      confine: true, backgroundColor: colour.card, borderColor: colour.line, textStyle: { color: colour.ink, fontSize: 13 },
      extraCssText: "box-shadow: 0 4px 16px rgb(0 0 0 / .18); border-radius: 8px;",
    },
  };
}

const axisOf = (colour, more) => ({
  axisLabel: { color: colour.dim, fontSize: 11.5, hideOverlap: true, ...more?.axisLabel },
  axisLine: { lineStyle: { color: colour.line } },
  axisTick: { lineStyle: { color: colour.line } },
  splitLine: { lineStyle: { color: colour.line } },
  nameTextStyle: { color: colour.dim },
  ...Object.fromEntries(Object.entries(more ?? {}).filter(([key]) => key !== "axisLabel")),
});

const valueAxis = (colour, more) => axisOf(colour, { type: "value", axisLabel: { formatter: short }, ...more });

/** Series by number, as two keys may read alike; some may be hidden. The legend that is seen is made of buttons. */
const legendOf = (names, hidden) => ({
  show: false, data: names.map((_, i) => String(i)),
  selected: Object.fromEntries(names.map((_, i) => [String(i), !hidden.has(i)])),
});

/** Values as a small table: a head for each column, and rows of texts. */
function valueTable(label, heads, rows) {
  const columns = heads.map((head, i) => plainColumn(head, (row) => rows[row][i].text ?? rows[row][i], {
    number: i > 0,
    sort: (row) => rows[row][i].value ?? rows[row][i],
  }));
  return tableOf({ label, columns, rows: rows.length, pageSize: 25 });
}

/** How the points of an axis read, and where they are on it: local time as if it were UTC. */
function points(axis) {
  const fine = precision(axis.at.map((ms) => ms * 1000));
  const brief = axis.at.map((ms) => instant(ms * 1000, fine).text);
  const months = fine === "day" && brief.every((text) => text.endsWith("-01"));
  const name = (ms) => (months ? instantText(ms * 1000, fine).slice(0, -3) : instantText(ms * 1000, fine));
  return {
    names: axis.at.map(name),
    brief: months ? brief.map((text) => text.slice(0, -3)) : brief,
    at: axis.at.map((ms) => ms + offset(ms)),
  };
}

const FOLDS = { sum: "the sum", max: "the greatest", min: "the least", mean: "the mean" };

/** What a point stands for, where it is more than a window. */
function stands(axis, measure, windows) {
  if (!axis.step) return "";
  return windows ? `; a point is ${axis.step}: ${FOLDS[measure.time]} of its windows` : `; a point is ${axis.step}`;
}

/** Lines or stacked bars over time. */
function overTime(charts, m, by, label) {
  const measure = charts.measures[m];
  const axis = charts.fine;
  const names = [];
  const lines = [];
  const hidden = new Set();
  const total = (line) => line.reduce((sum, x) => sum + Math.abs(x ?? 0), 0);
  if (by) {
    const own = by.measures[m];
    own.series.forEach((line, i) => { names.push(own.rows[i]); lines.push(line); });
    if (own.rest) {
      const others = by.keys - own.series.length;
      names.push(`${grouped(others)} other${others === 1 ? "" : "s"}`);
      lines.push(own.rest);
      // Thousands of others would make the first ones flat.
      if (total(own.rest) > 3 * own.series.reduce((sum, line) => sum + total(line), 0)) hidden.add(names.length - 1);
    }
  } else {
    names.push(charts.by.length ? "all keys" : measure.name);
    lines.push(charts.all[m]);
  }
  const few = axis.at.length <= 48;
  const stacked = few && by && measure.time === "sum" && measure.keys === "sum" && lines.length > 1;
  const rest = by && by.measures[m].rest ? lines.length - 1 : -1;
  const gaps = lines.some((line) => line.includes(null));
  return (colour, width) => {
    const at = points(axis);
    const colourOf = (i) => (i === rest ? colour.rest : colour.series[i % 8]);
    const legend = lines.length > 1;
    const narrow = width < 560;
    const zoom = axis.at.length > 80;
    const option = {
      ...frame(colour),
      grid: { left: 8, right: 14, top: 16, bottom: zoom ? 52 : 8, outerBoundsMode: "same", outerBoundsContain: "axisLabel" },
      xAxis: stacked || few
        ? axisOf(colour, { type: "category", data: at.brief, boundaryGap: stacked ? true : true })
        : axisOf(colour, { type: "time", splitNumber: narrow ? 3 : 8, splitLine: { show: false } }),
      yAxis: valueAxis(colour, { scale: !stacked && measure.time !== "sum" }),
      dataZoom: zoom ? [{
        type: "slider", height: 22, bottom: 8, borderColor: colour.line, fillerColor: "rgb(120 140 170 / .18)", showDetail: false,
        dataBackground: { lineStyle: { color: colour.line }, areaStyle: { color: colour.line, opacity: 0.5 } },
        selectedDataBackground: { lineStyle: { color: colour.dim }, areaStyle: { color: colour.line } },
        handleStyle: { color: colour.card, borderColor: colour.dim }, moveHandleSize: 0, brushSelect: false, textStyle: { color: colour.dim },
      }] : [],
      series: lines.map((line, i) => ({
        name: String(i), type: stacked ? "bar" : "line", stack: stacked ? "all" : undefined,
        data: stacked || few ? line : line.map((value, point) => [at.at[point], value]),
        itemStyle: { color: colourOf(i) }, lineStyle: { width: 2, type: i >= 6 ? "dashed" : "solid" },
        symbol: SYMBOLS[i % 8], symbolSize: 6, showSymbol: gaps || axis.at.length <= 31, connectNulls: false,
        barMaxWidth: 56, emphasis: { focus: "series" }, areaStyle: lines.length === 1 ? { opacity: 0.12 } : undefined,
      })),
    };
    option.tooltip = {
      ...option.tooltip, trigger: "axis", axisPointer: { type: stacked ? "shadow" : "line", lineStyle: { color: colour.dim }, shadowStyle: { color: "rgb(120 140 170 / .14)" } },
      formatter: (found) => {
        const there = found.filter((one) => (Array.isArray(one.value) ? one.value[1] : one.value) !== null && one.value !== undefined);
        const value = (one) => (Array.isArray(one.value) ? one.value[1] : one.value);
        const shown = stacked ? there.filter((one) => value(one) !== 0) : there;
        return tip(at.names[found[0].dataIndex], shown.map((one) => [colourOf(Number(one.seriesName)), names[Number(one.seriesName)], drawn(value(one), measure, measure.time)]));
      },
    };
    option.legend = legendOf(names, hidden);
    const step = stands(axis, measure, charts.windows);
    return {
      option,
      legend: legend ? names.map((name, i) => ({ name, colour: colourOf(i), hidden: hidden.has(i) })) : null,
      height: narrow ? 280 : 340,
      says: `${stacked ? "Stacked bars" : "Lines"}: ${measure.name} of ${label} over time, ${count(axis.at.length, "point", "points")}${step}; `
        + `series: ${names.slice(0, 9).join(", ")}.`,
      values: () => valueTable(`${measure.name} over time`, ["time", ...names],
        at.names.map((name, point) => [{ text: name, value: axis.at[point] }, ...lines.map((line) => ({ text: drawn(line[point], measure, measure.time), value: line[point] ?? -Infinity }))])),
    };
  };
}

/** Bars of the first keys. */
function topKeys(charts, m, by, label) {
  const measure = charts.measures[m];
  const bars = by.measures[m].bars.filter(([, value]) => value !== null);
  return (colour, width) => {
    const narrow = width < 560;
    const most = narrow ? 16 : 30;
    return {
      option: {
        ...frame(colour),
        tooltip: { ...frame(colour).tooltip, trigger: "item", formatter: (one) => tip(bars[one.dataIndex][0], [[colour.series[0], measure.name, drawn(bars[one.dataIndex][1], measure, measure.time)]]) },
        grid: { left: 8, right: 80, top: 8, bottom: 8, outerBoundsMode: "same", outerBoundsContain: "axisLabel" },
        xAxis: valueAxis(colour, { splitNumber: narrow ? 2 : 5 }),
        yAxis: axisOf(colour, {
          type: "category", inverse: true, data: bars.map(([key]) => key), axisTick: { show: false },
          axisLabel: { color: colour.ink, fontSize: 12, hideOverlap: false, interval: 0, formatter: (key) => (key.length > most ? `${key.slice(0, most - 1)}…` : key) },
        }),
        series: [{
          type: "bar", data: bars.map(([, value]) => value), itemStyle: { color: colour.series[0], borderRadius: [0, 3, 3, 0] }, barMaxWidth: 22,
          label: { show: true, position: "right", color: colour.dim, fontSize: 11.5, formatter: (one) => (narrow ? short(one.value) : drawn(one.value, measure, measure.time)) },
        }],
      },
      height: Math.max(120, 44 + bars.length * 24),
      says: `Bars: ${by.name} of ${label} with the most ${measure.name}: ${bars.slice(0, 5).map(([key, value]) => `${key} ${drawn(value, measure, measure.time)}`).join(", ")}.`,
      values: () => valueTable(`${measure.name} by ${by.name}`, [by.name, measure.name],
        bars.map(([key, value]) => [key, { text: drawn(value, measure, measure.time), value }])),
    };
  };
}

/** Keys by time, as colours. */
function heatMap(charts, m, by, label) {
  const measure = charts.measures[m];
  const axis = charts.coarse;
  const { heat, rows } = by.measures[m];
  const cells = [];
  let [least, greatest] = [Infinity, -Infinity];
  heat.forEach((row, y) => row.forEach((value, x) => {
    if (value === null || (charts.zero && value === 0)) return;
    cells.push([x, y, value]);
    least = Math.min(least, value);
    greatest = Math.max(greatest, value);
  }));
  if (cells.length === 0) [least, greatest] = [0, 1];
  if (charts.zero) least = Math.min(least, 0);
  return (colour, width) => {
    const at = points(axis);
    const narrow = width < 560;
    const most = narrow ? 12 : 28;
    return {
      option: {
        ...frame(colour),
        tooltip: { ...frame(colour).tooltip, trigger: "item", formatter: (one) => tip(at.names[one.value[0]], [[one.color, rows[one.value[1]], drawn(one.value[2], measure, measure.time)]]) },
        grid: { left: 8, right: 8, top: 8, bottom: 48, outerBoundsMode: "same", outerBoundsContain: "axisLabel" },
        xAxis: axisOf(colour, { type: "category", data: at.brief, splitArea: { show: false }, axisTick: { show: false } }),
        yAxis: axisOf(colour, {
          type: "category", inverse: true, data: rows.map((_, i) => String(i)), axisTick: { show: false },
          axisLabel: { color: colour.ink, interval: 0, hideOverlap: false, fontSize: 11, formatter: (i) => (rows[i].length > most ? `${rows[i].slice(0, most - 1)}…` : rows[i]) },
        }),
        visualMap: {
          type: "continuous", min: least, max: greatest === least ? least + 1 : greatest, orient: "horizontal", left: "center", bottom: 0, itemWidth: 12, itemHeight: narrow ? 120 : 220,
          calculable: false, text: [short(greatest), short(least)], textStyle: { color: colour.dim, fontSize: 11 }, inRange: { color: colour.heat },
        },
        series: [{ type: "heatmap", data: cells, itemStyle: { borderColor: colour.card, borderWidth: axis.at.length > 60 ? 0 : 1 }, emphasis: { itemStyle: { borderColor: colour.ink, borderWidth: 1.5 } } }],
      },
      height: Math.max(200, 84 + rows.length * (rows.length > 24 ? 17 : 22)),
      says: `Heat map: ${measure.name} of ${label} by ${by.name} (${rows.length} rows) and time (${axis.at.length} columns)${stands(axis, measure, charts.windows)}; from ${short(least)} to ${short(greatest)}.`,
      values: () => valueTable(`${measure.name} by ${by.name} and time`, [by.name, "time", measure.name],
        cells.map(([x, y, value]) => [rows[y], { text: at.names[x], value: axis.at[x] }, { text: drawn(value, measure, measure.time), value }])),
    };
  };
}

/** The charts of an output with what chooses between them; null where there is nothing to draw. */
function chartsOf(charts, label) {
  if (!charts) return null;
  const timely = charts.fine && charts.fine.at.length > 1;
  const keyed = charts.by.some((by) => by.keys > 1);
  const kinds = [];
  if (timely) kinds.push(["time", "Over time"]);
  if (keyed) kinds.push(["top", "Top keys"]);
  if (timely && charts.coarse.at.length > 2 && charts.by.some((by) => by.keys > 2)) kinds.push(["heat", "Heat map"]);
  if (kinds.length === 0) return null;
  const chosen = { kind: kinds[0][0], measure: 0, by: charts.by.length ? 0 : -1 };
  // Lines of a few keys say little where the others are most of it.
  const total = (line) => line.reduce((sum, x) => sum + Math.abs(x ?? 0), 0);
  const first = charts.by[0]?.measures[0];
  const drowned = first?.rest && charts.all[0] && total(first.rest) > 3 * first.series.reduce((sum, line) => sum + total(line), 0);
  if (timely && charts.all[0] && (!keyed || drowned)) chosen.by = -1;

  const caption = el("p", { class: "note" });
  const box = chartBox((colour, width) => {
    const by = charts.by[Math.max(chosen.by, 0)];
    const measure = charts.measures[chosen.measure];
    const notes = [];
    let make;
    if (chosen.kind === "time") {
      const apart = chosen.by >= 0 || !charts.all[chosen.measure];
      make = overTime(charts, chosen.measure, apart ? by : null, label);
      if (charts.fine.step) notes.push(charts.windows ? `Each point is ${charts.fine.step}: ${FOLDS[measure.time]} of its windows.` : `Each point is ${charts.fine.step}.`);
      if (apart && by && by.keys > by.measures[chosen.measure].series.length) {
        notes.push(`The first ${by.measures[chosen.measure].series.length} of ${grouped(by.keys)} have a colour of their own.`);
      }
    } else if (chosen.kind === "top") {
      make = topKeys(charts, chosen.measure, by, label);
      const own = by.measures[chosen.measure];
      if (by.keys > own.bars.length) {
        const others = own.others === null || own.others === undefined ? "" : `; the other ${grouped(by.keys - own.bars.length)} have ${drawn(own.others, measure, measure.time)} together`;
        notes.push(`The first ${own.bars.length} of ${grouped(by.keys)}${others}.`);
      }
      if (measure.time !== "sum") notes.push(`A bar is ${FOLDS[measure.time]} of the key's rows.`);
    } else {
      make = heatMap(charts, chosen.measure, by, label);
      if (charts.coarse.step) notes.push(charts.windows ? `Each column is ${charts.coarse.step}: ${FOLDS[measure.time]} of its windows.` : `Each column is ${charts.coarse.step}.`);
      if (by.keys > by.measures[chosen.measure].rows.length) notes.push(`The first ${by.measures[chosen.measure].rows.length} of ${grouped(by.keys)}.`);
    }
    if (charts.too_many) notes.push("There are too many keys to chart them one by one.");
    notes.push("Charts are of all rows.");
    caption.textContent = notes.join(" ");
    return make(colour, width);
  });

  const buttons = kinds.map(([kind, name]) => {
    const button = el("button", { type: "button", "aria-pressed": kind === chosen.kind, onclick: () => choose({ kind }) }, name);
    button.dataset.kind = kind;
    return button;
  });
  const select = (name, options, value, set) => {
    const made = el("select", { onchange: (event) => set(Number(event.target.value)) },
      options.map(([value, text]) => el("option", { value }, text)));
    made.value = String(value);
    return el("label", { class: "choice" }, el("span", {}, name), made);
  };
  const byOptions = charts.by.map((by, i) => [i, by.name]);
  const together = [-1, "all together"];
  const canTogether = charts.by.length > 0 && charts.all.some(Boolean);
  const byBox = el("span");
  const drawBy = () => {
    const options = chosen.kind === "time" && canTogether ? [...byOptions, together] : byOptions;
    if (chosen.kind !== "time" && chosen.by < 0) chosen.by = 0;
    byBox.replaceChildren(...(options.length > 1 ? [select("by", options, chosen.by, (by) => choose({ by }))] : []));
  };
  const choose = (change) => {
    Object.assign(chosen, change);
    if (change.kind) {
      buttons.forEach((button) => button.setAttribute("aria-pressed", String(button.dataset.kind === chosen.kind)));
      drawBy();
    }
    box.draw();
  };
  drawBy();
  const tools = el("div", { class: "tools" },
    kinds.length > 1 && el("div", { class: "switch", role: "group", "aria-label": "Kind of chart" }, buttons),
    el("span", { class: "fill" }),
    charts.measures.length > 1
      ? select("value", charts.measures.map((measure, i) => [i, measure.name]), 0, (measure) => choose({ measure }))
      : el("span", { class: "choice" }, el("span", {}, "value"), el("b", {}, charts.measures[0].name)),
    byBox);
  return { node: el("div", { class: "charts" }, tools, box.node, caption), draw: box.draw };
}
