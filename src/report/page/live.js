// The page of a served job: what a report does not have goes between its sections, and a new state loads the page again.

const EVERY = 2000;
const TOLD = "highwater-committed";
const main = document.getElementById("main");

main.prepend(document.getElementById("before"));
const behind = document.getElementById("behind");
// The last section of this name is ours; an output may be called so too.
const inputs = anchors.findLast(([, name]) => name === "Input");
const last = inputs && document.getElementById(inputs[0]);
if (last) last.before(behind);
else main.append(behind);
for (const section of behind.querySelectorAll("section")) {
  const head = section.querySelector("h2");
  section.id = newId("section");
  head.id = `${section.id}-head`;
  section.setAttribute("aria-labelledby", head.id);
  const item = el("li", {}, el("a", { href: `#${section.id}` }, head.textContent));
  const nav = document.querySelector(".contents ul");
  const at = last && nav?.querySelector(`a[href="#${last.id}"]`)?.parentElement;
  if (at) at.before(item);
  else nav?.append(item);
}

const chip = el("p", { class: "live on", role: "status" }, "live");
document.querySelector(".bar .word").textContent = "job";
document.querySelector(".bar .brand").after(el("a", { class: "back", href: "/" }, "← All jobs"));
document.querySelector(".bar .fill").after(chip);
if (data.live.committed) {
  // On the clocks of the browser: a file system knows no zone of a job.
  const ms = data.live.committed;
  const text = new Date(ms - new Date(ms).getTimezoneOffset() * 60000).toISOString().slice(0, 19).replace("T", " ");
  const facts = document.querySelector(".facts") ?? document.querySelector("h1").parentElement.appendChild(el("dl", { class: "facts" }));
  facts.append(el("div", {}, el("dt", {}, "Committed"), el("dd", {}, el("time", { datetime: new Date(ms).toISOString(), title: "on the clocks of this browser" }, text))));
}

function say(state, text) {
  chip.className = `live ${state}`;
  if (chip.textContent !== text) chip.textContent = text;
}

/** Whether the reader is at work in a table, which a new page would undo. */
const isBusy = () => [...document.querySelectorAll("input[type=search]")].some((input) => input.value !== "" || input === document.activeElement);

function load() {
  try { sessionStorage.setItem(TOLD, data.live.job); } catch { /* without storage the page says nothing of it */ }
  location.reload();
}

let banner = null;
function offer() {
  if (!isBusy()) return load();
  banner ??= main.insertBefore(el("div", { class: "card notice", role: "status" },
    el("p", {}, "A run has committed. This page shows the state before it. "),
    el("button", { type: "button", class: "plain", onclick: load }, "Show the new state")), main.firstChild);
  say("wait", "not the last state");
}

async function ask() {
  try {
    const answer = await fetch(`/job/${data.live.job}/state`, { cache: "no-store" });
    if (answer.status === 401) return say("off", "the token is not valid any more: open the printed address again");
    if (answer.status === 404) say("off", "this job is not there any more");
    else {
      const { state, committing } = await answer.json();
      if (committing) say("wait", "a commit is not complete");
      else if (state !== data.live.state) offer();
      else say("on", "live");
    }
  } catch {
    say("off", "the server does not answer");
  }
  setTimeout(ask, EVERY);
}

try {
  if (sessionStorage.getItem(TOLD) === data.live.job) {
    sessionStorage.removeItem(TOLD);
    say("on", "a run has committed: this is the new state");
  }
} catch { /* as above */ }
setTimeout(ask, EVERY);
