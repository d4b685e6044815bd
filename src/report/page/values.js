// Values as people read them, and how elements are made. What comes from the data goes into the document as text only.

const data = JSON.parse(document.getElementById("data").textContent);

/** What the reader has chosen, and who draws anew when that changes. */
const view = { zone: "job", redraw: new Set() };

/** An element: `el("p", { class: "note" }, "text", child)`. Attributes that are null or false are left out, but for those of ARIA. */
function el(name, attributes, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || (value === false && !key.startsWith("aria-"))) continue;
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else made.setAttribute(key, value === true && !key.startsWith("aria-") ? "" : String(value));
  }
  made.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

let lastId = 0;
const newId = (what) => `${what}-${++lastId}`;

// Numbers.

/** Digits in groups of three; what follows the point stays as it is. */
function grouped(value) {
  const text = String(value);
  const parts = /^(-?)(\d+)(\.\d+)?$/.exec(text);
  if (!parts) return text;
  return parts[1] + parts[2].replace(/\B(?=(\d{3})+$)/g, ",") + (parts[3] ?? "");
}

/** A drawn value: digits after the point as its column has them, of a mean a few. */
function drawn(value, measure, fold) {
  if (value === null || value === undefined) return "–";
  if (fold === "mean" && !Number.isInteger(value)) return grouped(Number(value.toPrecision(6)));
  if (measure.scale > 0) return grouped(value.toFixed(measure.scale));
  return grouped(Number.isInteger(value) ? value : Number(value.toPrecision(15)));
}

/** A number on an axis: `1.2 M`. */
function short(value) {
  const size = Math.abs(value);
  if (size >= 1e16) return value.toPrecision(3);
  const [unit, name] = [[1e12, " tn"], [1e9, " bn"], [1e6, " M"], [1e3, " k"]].find(([unit]) => size >= unit) ?? [1, ""];
  return grouped(Number((value / unit).toPrecision(4))) + name;
}

const percent = (part, whole) => (whole === 0 ? 0 : (100 * part) / whole);
const percentText = (value) => `${Number(value.toPrecision(3))} %`;
const count = (n, one, many) => `${grouped(n)} ${n === 1 ? one : many}`;

function bytes(n) {
  const [unit, name] = [[1e9, "GB"], [1e6, "MB"], [1e3, "kB"]].find(([unit]) => n >= unit) ?? [1, "B"];
  return unit === 1 ? `${n} B` : `${(n / unit).toFixed(unit === 1e9 ? 2 : 1)} ${name}`;
}

/** A length of time in about its two largest units, rounded up, so that "so late or less" stays true: `1d 2h`, `250ms`. */
function length(us) {
  if (us < 0) return `-${length(-us)}`;
  if (us > 0 && us < 1000) return `${us}us`;
  const unit = us < 60e6 ? 1000 : us < 3600e6 ? 1e6 : us < 86400e6 ? 60e6 : 3600e6;
  let rest = Math.ceil(us / unit) * unit;
  if (rest > 0 && rest < 1e6) return `${rest / 1000}ms`;
  const parts = [];
  for (const [size, name] of [[86400e6, "d"], [3600e6, "h"], [60e6, "m"]]) {
    if (rest >= size) parts.push(`${grouped(Math.floor(rest / size))}${name}`);
    rest %= size;
  }
  if (rest > 0 || parts.length === 0) parts.push(`${rest / 1e6}s`);
  return parts.join(" ");
}

// Times. The offsets of the zone are in the page, so every browser shows what the files have.

const hasZone = data.zone.name !== "UTC";
const zoneName = () => (view.zone === "utc" ? "UTC" : data.zone.name);

/** The offset from UTC at an instant, both in milliseconds. */
function offset(ms) {
  if (view.zone === "utc") return 0;
  const list = data.zone.offsets;
  let low = 0;
  let high = list.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (list[middle][0] <= ms) low = middle;
    else high = middle - 1;
  }
  return list[low][1];
}

const two = (n) => String(n).padStart(2, "0");

/** How fine the instants of a list are, given in microseconds: `day`, `minute`, `second`, `milli` or `micro`. */
function precision(instants) {
  let found = 0;
  for (const us of instants) {
    if (us === null || us === undefined) continue;
    const local = us + offset(Math.floor(us / 1000)) * 1000;
    const fine = local % 1e3 !== 0 ? 4 : local % 1e6 !== 0 ? 3 : local % 60e6 !== 0 ? 2 : local % 86400e6 !== 0 ? 1 : 0;
    if (fine > found) found = fine;
    if (found === 4) break;
  }
  return ["day", "minute", "second", "milli", "micro"][found];
}

/** An instant in microseconds: its local text, and its offset. */
function instant(us, fine) {
  const ms = Math.floor(us / 1000);
  const shift = offset(ms);
  const local = new Date(ms + shift);
  const year = local.getUTCFullYear();
  let text = `${year < 1000 ? String(year).padStart(4, "0") : year}-${two(local.getUTCMonth() + 1)}-${two(local.getUTCDate())}`;
  if (fine !== "day") text += ` ${two(local.getUTCHours())}:${two(local.getUTCMinutes())}`;
  if (fine !== "day" && fine !== "minute") text += `:${two(local.getUTCSeconds())}`;
  const fraction = String(((us % 1e6) + 1e6) % 1e6).padStart(6, "0");
  if (fine === "milli") text += `.${fraction.slice(0, 3)}`;
  if (fine === "micro") text += `.${fraction}`;
  // As in the files: an offset with seconds is rounded down to a minute.
  const minutes = Math.floor(shift / 60000);
  const sign = minutes < 0 ? "-" : "+";
  const zone = view.zone === "utc" || !hasZone ? "Z" : `${sign}${two(Math.floor(Math.abs(minutes) / 60))}:${two(Math.abs(minutes) % 60)}`;
  return { text, zone };
}

const instantText = (us, fine) => {
  const { text, zone } = instant(us, fine);
  return fine === "day" ? text : `${text} ${zone}`;
};
