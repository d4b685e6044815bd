// The page: header, account, outputs, late data, differences, input, job.

const drawLater = [];
const anchors = [];

/** A section with a heading; it goes to the list of contents too. */
function sectionOf(title, brief, ...content) {
  const id = newId("section");
  anchors.push([id, brief]);
  return el("section", { id, "aria-labelledby": `${id}-head` }, el("h2", { id: `${id}-head`, tabindex: "-1" }, title), content);
}

const card = (title, ...content) => el("div", { class: "card" }, title && el("h3", {}, title), content);

/** A number with its name. */
const tile = (name, value, more, kind) =>
  el("div", { class: `tile ${kind ?? ""}` }, el("span", { class: "tile-name" }, name), el("span", { class: "tile-value" }, value), more && el("span", { class: "tile-more" }, more));

/** Text that follows the zone that is chosen. */
function zoned(make) {
  const node = el("span");
  const draw = () => { node.textContent = make(); };
  view.redraw.add((what) => what === "zone" && draw());
  draw();
  return node;
}

const moment = (ms, beside = ms) => instantText(ms * 1000, precision([ms * 1000, beside * 1000]));

// Theme and time zone.

const THEME = "highwater-theme";
const dark = matchMedia("(prefers-color-scheme: dark)");
const kept = () => { try { return localStorage.getItem(THEME); } catch { return null; } };
const keep = (theme) => { try { localStorage.setItem(THEME, theme); } catch { /* a page from a disk may have no storage */ } };
let theme = ["light", "dark"].includes(kept()) ? kept() : null;
const isDark = () => (theme ? theme === "dark" : dark.matches);
const redraw = (what) => view.redraw.forEach((draw) => draw(what));

