// The list of jobs: a card for each. It asks the server for the next state, and draws the cards that are new.

const EVERY = 2000;

/** A text in which characters that draw nothing, or move the cursor, can be seen. */
const visible = (text) => String(text).replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, "\ufffd");

/** A name or path of the user, which is read in its own direction. */
const own = (text, attributes) => el("bdi", attributes, visible(text));

let jobs = data.jobs;

/** An instant on the clocks of the browser, as the report writes times. */
function local(ms) {
  const at = new Date(ms - new Date(ms).getTimezoneOffset() * 60000);
  return at.toISOString().slice(0, 19).replace("T", " ");
}

/** How long ago an instant was, for people. */
function ago(ms) {
  const seconds = Math.max(0, (Date.now() - ms) / 1000);
  if (seconds < 45) return "just now";
  const [unit, name] = [[86400, "day"], [3600, "hour"], [60, "minute"]].find(([unit]) => seconds >= unit) ?? [60, "minute"];
  const n = Math.max(1, Math.round(seconds / unit));
  return `${n} ${name}${n === 1 ? "" : "s"} ago`;
}

const isWrong = (job) => Boolean(job.error || job.mixed || job.outputs.some((output) => output.error) || (job.verify && (job.verify.error || (job.verify.same === false && !job.verify.before))));
const isRun = (job) => job.outputs.length > 0;

/** The state of a job in a word, with a mark that is not a colour alone. */
function badges(job) {
  const badge = (kind, text) => el("span", { class: `badge ${kind}` }, text);
  const broken = job.outputs.filter((output) => output.error).length;
  return [
    job.error && badge("bad", "✗ error in the job file"),
    broken > 0 && badge("bad", `✗ ${count(broken, "output", "outputs")} not readable`),
    job.mixed && badge("bad", "✗ outputs of different runs"),
    job.committing && badge("wait", "… commit not complete"),
    !job.committing && !isRun(job) && !job.error && badge("idle", "not run"),
    isRun(job) && job.missing.length > 0 && badge("idle", `${count(job.missing.length, "output", "outputs")} not in place`),
    job.verify && (job.verify.error ? badge("bad", "✗ verification not readable") : job.verify.before ? badge("idle", "verified before the last commit") : job.verify.other ? badge("idle", "verified other rows") : job.verify.same ? badge("good", "✓ verified") : badge("bad", "✗ verification: different")),
    job.backfills > 0 && badge("idle", count(job.backfills, "backfill", "backfills")),
  ].filter(Boolean);
}

function accountOf(job) {
  if (!job.account) return null;
  const { read, ...parts } = job.account;
  const shown = Object.entries(parts).filter(([name, n]) => n > 0 || name === "counted");
  const bar = el("div", { class: "shares", "aria-hidden": "true" }, shown.filter(([, n]) => n > 0).map(([name, n]) => {
    const part = el("i", { class: name });
    part.style.flexGrow = String(n);
    return part;
  }));
  return [
    el("dl", { class: "sums" }, [["read", read], ...shown].map(([name, n]) => el("div", { class: name }, el("dt", {}, name), el("dd", {}, grouped(n))))),
    bar,
  ];
}

const OUTPUTS = 4;

function outputsOf(job) {
  if (job.outputs.length === 0) return null;
  const rows = job.outputs.slice(0, OUTPUTS).map((output) => el("li", {},
    el("span", { class: "path" }, own(output.name)),
    output.error ? el("span", { class: "wrong" }, "not readable") : el("span", { class: "rows" }, count(output.rows, "row", "rows"))));
  const more = job.outputs.length - OUTPUTS;
  return el("ul", { class: "outputs", "aria-label": "Outputs" }, rows, more > 0 && el("li", { class: "rest" }, `and ${more} more`));
}

function cardOf(job) {
  const faults = [job.error, ...job.outputs.map((output) => output.error), job.verify?.error].filter(Boolean);
  const head = `job-${job.id}`;
  const link = el("a", { href: `/job/${job.id}`, "data-job": job.id }, own(job.name));
  const when = job.committed && el("time", { datetime: new Date(job.committed).toISOString(), title: local(job.committed) }, ago(job.committed));
  const marks = badges(job);
  return el("li", { class: `job ${isWrong(job) ? "wrong" : ""}` }, el("article", { "aria-labelledby": head },
    el("h2", { id: head }, link),
    el("p", { class: "meta" }, job.file ? own(job.file, { class: "path" }) : "without a job file", when && " · committed ", when),
    marks.length > 0 && el("p", { class: "badges" }, marks),
    accountOf(job),
    outputsOf(job),
    faults.length > 0 && el("details", { class: "values" }, el("summary", {}, faults.length === 1 ? "The error" : `${faults.length} errors`),
      el("pre", { tabindex: "0" }, el("code", {}, faults.map((fault) => String(fault).replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, "\ufffd")).join("\n\n"))))));
}

// The tools above the list.

let words = [];
let kind = "all";
let order = "committed";

const collate = new Intl.Collator("en", { numeric: true }).compare;
const orders = {
  name: (a, b) => collate(a.name, b.name),
  committed: (a, b) => (b.committed ?? 0) - (a.committed ?? 0) || collate(a.name, b.name),
  read: (a, b) => (b.account?.read ?? 0) - (a.account?.read ?? 0) || collate(a.name, b.name),
};
const kinds = { all: ["All", () => true], wrong: ["With errors", isWrong], idle: ["Not run", (job) => !isRun(job) && !job.error] };

const hayOf = (job) => [job.name, job.file ?? "", ...job.outputs.map((output) => output.name)].join("\n").toLowerCase();

const list = el("ul", { class: "jobs", "aria-label": "Jobs" });
const status = el("p", { class: "status", role: "status", "aria-live": "polite" });
const tiles = el("div", { class: "tiles" });
const live = el("p", { class: "live", role: "status" });
const cards = new Map();

function say(state, text) {
  live.className = `live ${state}`;
  if (live.textContent !== text) live.textContent = text;
}

function drawTiles() {
  const wrong = jobs.filter(isWrong).length;
  const idle = jobs.filter((job) => !isRun(job)).length;
  const last = Math.max(...jobs.map((job) => job.committed ?? 0));
  const sum = (of) => jobs.reduce((all, job) => all + of(job), 0);
  const outputs = sum((job) => job.outputs.length);
  tiles.replaceChildren(
    tile("jobs", grouped(jobs.length), idle > 0 && `${grouped(idle)} not run`),
    tile("with errors", grouped(wrong), null, wrong > 0 ? "bad" : "nil"),
    tile("outputs in place", grouped(outputs), `${grouped(sum((job) => job.outputs.reduce((rows, output) => rows + (output.rows ?? 0), 0)))} rows`),
    tile("last commit", last > 0 ? ago(last) : "–", last > 0 && local(last), "text"));
}

/** Draws the cards that have changed, in order; the others stay, with what is open in them and where the focus is. */
function draw() {
  const focused = document.activeElement?.dataset?.job;
  const shown = jobs.filter((job) => kinds[kind][1](job) && words.every((word) => hayOf(job).includes(word))).sort(orders[order]);
  const nodes = shown.map((job) => {
    const text = JSON.stringify(job);
    const known = cards.get(job.id);
    if (known?.text === text) return known.node;
    const node = cardOf(job);
    if (known) {
      node.classList.add("fresh");
      // An error that is being read stays open.
      if (known.node.querySelector("details")?.open) node.querySelector("details")?.setAttribute("open", "");
    }
    cards.set(job.id, { text, node });
    return node;
  });
  const same = nodes.length === list.children.length && nodes.every((node, i) => node === list.children[i]);
  if (!same) {
    list.replaceChildren(...nodes);
    if (focused) list.querySelector(`[data-job="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  }
  for (const id of cards.keys()) if (!jobs.some((job) => job.id === id)) cards.delete(id);
  status.textContent = shown.length === jobs.length ? count(jobs.length, "job", "jobs") : `${grouped(shown.length)} of ${count(jobs.length, "job", "jobs")}`;
  drawTiles();
}

const search = el("input", { type: "search", placeholder: "Search jobs", "aria-label": "Search jobs", oninput: (event) => {
  words = event.target.value.toLowerCase().split(/\s+/).filter(Boolean);
  draw();
} });
const kindButtons = Object.entries(kinds).map(([name, [text]]) => el("button", { type: "button", "aria-pressed": name === kind, onclick: (event) => {
  kind = name;
  kindButtons.forEach((button) => button.setAttribute("aria-pressed", String(button === event.currentTarget)));
  draw();
} }, text));
const sort = el("select", { onchange: (event) => {
  order = event.target.value;
  draw();
} }, [["committed", "last commit"], ["name", "name"], ["read", "records read"]].map(([value, text]) => el("option", { value }, text)));

const themeButton = el("button", { type: "button", class: "plain", onclick: () => {
  theme = isDark() ? "light" : "dark";
  keep(theme);
  applied();
} });
function applied() {
  document.documentElement.dataset.theme = isDark() ? "dark" : "light";
  themeButton.textContent = isDark() ? "☀ Light" : "☾ Dark";
  themeButton.setAttribute("aria-label", isDark() ? "Use light colours" : "Use dark colours");
}
dark.addEventListener("change", applied);
applied();

const none = jobs.length === 0 && el("div", { class: "card" }, el("p", {}, "There is no job below this folder. A job file is a TOML file with [source] and [[output]]; `highwater init` writes one for your files."));
document.getElementById("page").append(
  el("header", { class: "top" }, el("div", { class: "wrap" },
    el("div", { class: "bar" }, el("p", { class: "brand" }, el("span", { class: "mark", "aria-hidden": "true" }), "Highwater", el("span", { class: "word" }, "jobs")), el("span", { class: "fill" }), live, themeButton),
    el("h1", {}, own(data.title)),
    el("p", { class: "places" }, own(data.folder)))),
  el("main", { id: "main", class: "wrap", tabindex: "-1" },
    data.gone && el("div", { class: "card notice" }, el("p", {}, "That job is not there any more. These are the jobs of the folder.")),
    !data.whole && el("div", { class: "card notice" }, el("p", {}, "This folder has too many files to look at all of them, so jobs may be missing here. Serve a folder below it.")),
    el("section", { "aria-label": "Summary" }, tiles),
    none || el("section", { "aria-label": "Jobs" },
      el("div", { class: "tools" }, search, el("div", { class: "switch", role: "group", "aria-label": "Which jobs" }, kindButtons), el("span", { class: "fill" }), status, el("label", { class: "choice" }, el("span", {}, "by"), sort)),
      list)),
  el("footer", { class: "wrap" }, `Made by ${data.tool}`));
draw();
say("on", "live");

// The next state.

let state = data.state;
async function ask() {
  try {
    const answer = await fetch(`/jobs?have=${state}`, { cache: "no-store" });
    if (answer.status === 401) return say("off", "the token is not valid any more: open the printed address again");
    if (answer.status === 200) {
      const next = await answer.json();
      // What the page says once above the list is drawn again by a new page.
      if ((next.jobs.length === 0) !== (jobs.length === 0) || next.whole !== data.whole) return location.reload();
      const before = new Map(jobs.map((job) => [job.id, job.committed]));
      ({ jobs, state } = next);
      draw();
      const fresh = jobs.filter((job) => job.committed && before.get(job.id) !== job.committed && !job.committing);
      if (fresh.length > 0) status.textContent += `, ${fresh.length === 1 ? `${visible(fresh[0].name)} has committed` : `${fresh.length} have committed`}`;
    }
    say("on", "live");
  } catch {
    say("off", "the server does not answer");
  }
  setTimeout(ask, EVERY);
}
setTimeout(ask, EVERY);
setInterval(() => {
  for (const time of document.querySelectorAll("time")) time.textContent = ago(Date.parse(time.dateTime));
  drawTiles();
}, 30000);
