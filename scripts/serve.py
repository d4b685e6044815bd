"""`highwater serve` in a real browser: Debian's chromium, driven by playwright (`pip install playwright`, the driver alone).

Makes a folder of jobs with target/release/highwater, serves it, and holds what the pages promise: no word on the console, no
request but to the server, a run that commits while a page is open, 50 jobs, names that would be markup, a broken job and a
broken manifest, the keyboard alone, contrast, a phone's width, dark colours, the token.

    python3 scripts/serve.py                     # checks; exits 1 at the first promise that is broken
    python3 scripts/serve.py --shots FOLDER      # and leaves pictures of the pages there
"""

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from browser import MARKUP, browser as chromium, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
BINARY = Path(os.environ.get("HIGHWATER", ROOT / "target/release/highwater"))
DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 360, "height": 740}

HOSTILE = [
    *MARKUP[:2],
    "\u202eright to left\u202c and \u0007 a bell",
    "שלום עולם " + MARKUP[2],
    "x" * 200,
]

JOB = """
name = {name}
[source]
path = {source}
time = "t"
types = {{ kind = "string", amount = "decimal(12,2)" }}
{step}
[[output]]
path = {out}
window = {{ tumbling = "1 hour" }}
by = ["kind"]
select = {{ n = "count(*)", total = "sum(amount)" }}
[[output]]
path = {events}
"""

KINDS = ["books", "games", "music", "tools", "garden"]


def rows(first_day, days, seed):
    """A small log: the counts follow the hour, so that charts have a shape."""
    lines = ["t,kind,amount"]
    x = seed
    for day in range(first_day, first_day + days):
        for hour in range(24):
            for _ in range(1 + (hour * (24 - hour)) // 36):
                x = (x * 1103515245 + 12345) % 2**31
                lines.append(f"2024-03-{day:02}T{hour:02}:{x // 97 % 60:02}:{x // 13 % 60:02}Z,{KINDS[x // 7 % 5]},{x // 31 % 9000 / 100:.2f}")
    return "\n".join(lines) + "\n"


def text(value):
    """As TOML has it."""
    return json.dumps(value)


def highwater(folder, *args):
    done = subprocess.run([BINARY, *args], cwd=folder, capture_output=True, text=True)
    assert done.returncode in (0, 1), f"{args}: {done.stderr}"
    return done


def job(folder, name, file, step="", source="logs/shop.csv"):
    path = folder / f"{file}.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(JOB.format(name=text(name), source=text(source), step=step, out=text(f"out/{file}"), events=text(f"out/{file}.events.csv")))
    return f"{file}.toml"


def make(folder):
    """Fifty jobs, some of which were run; one is streamed, one hostile, two broken."""
    (folder / "data").mkdir()
    (folder / "logs").mkdir()
    (folder / "logs/shop.csv").write_text(rows(1, 10, 7))
    for name in ["pageviews", "transactions", "pageviews-late"]:
        (folder / "data" / name).symlink_to(ROOT / "data" / name)
    (folder / "data/jobs").mkdir()
    for name in ["pageviews-per-postcode", "big-spenders"]:
        (folder / f"data/jobs/{name}.toml").write_text((ROOT / f"data/jobs/{name}.toml").read_text())
        highwater(folder, "run", f"data/jobs/{name}.toml", "-q")
    highwater(folder, "run", job(folder, "shop, hourly", "shop", '[[step]]\nfilter = "amount > 5"'), "-q")
    (folder / "late.csv").write_text(rows(4, 1, 99))
    highwater(folder, "backfill", "shop.toml", "late.csv", "-q")
    # Of the job's source alone.
    (folder / "shop, hourly.verify.json").write_text(highwater(folder, "verify", "shop.toml", "--json").stdout)
    for i in range(43):
        name = f"team {i // 10} · daily {['orders', 'returns', 'visits', 'stock', 'mail'][i % 5]} {i:02}"
        file = job(folder, name, f"jobs/team-{i // 10}/{i:02}")
        if i % 6 == 0:
            highwater(folder, "run", file, "-q")
    broken = job(folder, "broken job", "broken-job")
    highwater(folder, "run", broken, "-q")
    (folder / broken).write_text((folder / broken).read_text().replace("tumbling", "tumblin"))
    broken = job(folder, "broken manifest", "broken-manifest")
    highwater(folder, "run", broken, "-q")
    (folder / "out/broken-manifest/_highwater/manifest.json").write_text("{ \"version\": 1, <b>")
    lines = ["t,kind,amount"] + [f'2024-03-01T10:00:00Z,"{name.replace(chr(34), chr(34) * 2)}",1.50' for name in HOSTILE]
    (folder / "logs/hostile.csv").write_text("\n".join(lines) + "\n")
    highwater(folder, "run", job(folder, HOSTILE[0], "<b>hostile & 'file'", source="logs/hostile.csv"), "-q")
    highwater(folder, "run", job(folder, HOSTILE[4], "long", source="logs/hostile.csv"), "-q")
    job(folder, HOSTILE[2], "bell")


class Server:
    def __init__(self, folder, *args):
        self.process = subprocess.Popen([BINARY, "serve", str(folder), "--port", "0", *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.address = self.process.stdout.readline().strip()
        assert self.address.startswith("http://"), self.process.stderr.read()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            assert self.process.wait(20) == 0, "SIGTERM ends it with 0"


class Watched:
    """A page that must not say anything, nor ask another server."""

    def __init__(self, browser, address, **context):
        self.address = address
        self.context = browser.new_context(**{"viewport": DESKTOP, **context})
        self.page = self.context.new_page()
        self.faults = []
        origin = re.match(r"http://[^/]+", address)[0]
        self.page.on("console", lambda message: self.faults.append(f"console {message.type}: {message.text}"))
        self.page.on("pageerror", lambda error: self.faults.append(f"error: {error}"))
        self.page.on("dialog", lambda dialog: (self.faults.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        self.page.on("request", lambda request: request.url.startswith(origin) or self.faults.append(f"request: {request.url[:80]}"))

    def __enter__(self):
        began = time.monotonic()
        self.page.goto(self.address)
        self.page.wait_for_selector("footer")
        self.loaded = time.monotonic() - began
        return self

    def open(self, name):
        self.page.get_by_role("link", name=name, exact=True).click()
        self.page.wait_for_selector(".back")
        return self.page

    def __exit__(self, kind, *_):
        if kind is None:
            self.page.wait_for_timeout(100)
            faults = [fault for fault in self.faults if "favicon" not in fault]
            assert not faults, f"{self.address}: {faults}"
            assert self.page.evaluate("window.hacked") is None, "a script of the data ran"
        self.context.close()


def eventually(holds, seconds=30):
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until, "it never came"
        time.sleep(0.05)


# What axe looks for, as far as these pages have it; each gives what is wrong.
AXE = """() => {
  const wrong = [];
  const shown = (e) => e.getClientRects().length > 0;
  for (const e of document.querySelectorAll('button, select, input, a[href], summary')) {
    const name = (e.textContent.replace(/[↕▲▼]/g, '').trim() || e.getAttribute('aria-label') || e.closest('label')?.textContent || '').trim();
    if (!name) wrong.push(`without a name: ${e.outerHTML.slice(0, 120)}`);
  }
  const ids = [...document.querySelectorAll('[id]')].map((e) => e.id);
  for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) wrong.push(`id twice: ${id}`);
  const levels = [...document.querySelectorAll('h1, h2, h3, h4')].map((e) => Number(e.tagName[1]));
  if (levels[0] !== 1 || levels.filter((l) => l === 1).length !== 1) wrong.push(`h1: ${levels}`);
  levels.forEach((l, i) => { if (i > 0 && l - levels[i - 1] > 1) wrong.push(`levels: ${levels}`); });
  for (const [what, least] of [['main', 1], ['header', 1], ['footer', 1]]) if (document.querySelectorAll(what).length !== least) wrong.push(`landmark ${what}`);
  if (document.documentElement.lang !== 'en' || !document.title) wrong.push('language or title');
  for (const e of document.querySelectorAll('table')) {
    if (!e.querySelector('caption')?.textContent) wrong.push('table without a caption');
    if ([...e.querySelectorAll('thead th')].some((th) => th.scope !== 'col' || !th.textContent.trim())) wrong.push('head without scope or text');
  }
  for (const e of document.querySelectorAll('[aria-labelledby], [aria-describedby]'))
    for (const id of `${e.getAttribute('aria-labelledby') ?? ''} ${e.getAttribute('aria-describedby') ?? ''}`.split(' ').filter(Boolean))
      if (!document.getElementById(id)) wrong.push(`names what is not there: ${id}`);
  for (const e of document.querySelectorAll('ul, ol')) if ([...e.children].some((c) => c.tagName !== 'LI')) wrong.push('list with other children');
  for (const e of document.querySelectorAll('.scroll, pre')) if (shown(e) && e.scrollWidth > e.clientWidth && e.tabIndex < 0) wrong.push('scrolls, and no key reaches it');
  // Contrast of text: 4.5, and 3 where it is large.
  const parse = (c) => { const m = c.match(/[\\d.]+/g).map(Number); return c.startsWith('color(srgb') ? [m[0] * 255, m[1] * 255, m[2] * 255, m[3] ?? 1] : [m[0], m[1], m[2], m[3] ?? 1]; };
  const over = (top, under) => [0, 1, 2].map((i) => top[i] * top[3] + under[i] * (1 - top[3])).concat(1);
  const behind = (e) => { const chain = []; for (let n = e; n; n = n.parentElement) chain.push(parse(getComputedStyle(n).backgroundColor)); return chain.reverse().reduce((under, top) => over(top, under), [255, 255, 255, 1]); };
  const light = ([r, g, b]) => [r, g, b].map((v) => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; }).reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  for (const e of document.querySelectorAll('body *')) {
    const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!own || !shown(e) || e.closest('svg, [aria-hidden=true], .hidden, .skip, noscript, script, style, button:disabled')) continue;
    const style = getComputedStyle(e);
    if (style.visibility === 'hidden') continue;
    const back = behind(e);
    const [a, b] = [light(over(parse(style.color), back)), light(back)].sort((x, y) => y - x);
    const large = parseFloat(style.fontSize) >= 24 || (parseFloat(style.fontSize) >= 18.66 && style.fontWeight >= 700);
    if ((a + 0.05) / (b + 0.05) < (large ? 3 : 4.5) - 0.01) wrong.push(`contrast ${((a + 0.05) / (b + 0.05)).toFixed(2)} of ${e.tagName}.${e.className}: ${e.textContent.slice(0, 40)}`);
  }
  return [...new Set(wrong)];
}"""


def check_axe(browser, server, _):
    for scheme in ["light", "dark"]:
        with Watched(browser, server.address, color_scheme=scheme) as seen:
            assert not (wrong := seen.page.evaluate(AXE)), f"list, {scheme}: {wrong}"
            for name in ["shop, hourly", "broken job", "pageviews-per-postcode"]:
                page = seen.open(name)
                assert not (wrong := page.evaluate(AXE)), f"{name}, {scheme}: {wrong}"
                page.get_by_role("link", name="All jobs").click()
                page.wait_for_selector(".jobs")


def check_many(browser, server, _):
    with Watched(browser, server.address) as seen:
        page = seen.page
        cards = page.locator(".job")
        assert cards.count() == 51, cards.count()
        print(f"51 jobs: loaded in {seen.loaded:.2f} s")
        assert seen.loaded < 5
        status = page.locator(".status")
        assert status.inner_text() == "51 jobs"
        page.get_by_label("Search jobs").fill("team 2 orders")
        assert status.inner_text() == "2 of 51 jobs", status.inner_text()
        page.get_by_label("Search jobs").fill("")
        page.get_by_role("button", name="With errors").click()
        # By default the last commit comes first; two in one second may stand in either order.
        names = sorted(cards.locator("h2").all_inner_texts())
        assert names == ["broken job", "broken manifest"], names
        broken = cards.filter(has_text="broken manifest")
        broken.get_by_text("The error").click()
        assert "manifest" in broken.locator("pre").inner_text()
        page.get_by_role("button", name="Not run").click()
        assert cards.count() == 36, cards.count()
        page.get_by_role("button", name="All", exact=True).click()
        page.get_by_label("by").select_option("name")
        names = [name for name in cards.locator("h2").all_inner_texts() if name.startswith(("team", "shop"))]
        assert names == sorted(names) and len(names) == 44, names


def check_commit(browser, server, folder):
    """A run commits while its page and the list are open: both show the new state by themselves."""
    with Watched(browser, server.address) as listed, Watched(browser, server.address) as seen:
        card = listed.page.locator(".job", has=listed.page.get_by_role("link", name="shop, hourly", exact=True))
        read = lambda page, of: of.locator(".read dd, .read .tile-value").first.inner_text()
        page = seen.open("shop, hourly")
        before = read(page, page.locator(".account"))
        assert read(listed.page, card) == before
        # The backfill added a file that the source does not have, so what was verified is not what is in place.
        assert page.locator(".badge.good").count() == 1 and "were compared: highwater verify computes" in page.locator("main").inner_text()
        assert "verified other rows" in card.inner_text()
        assert "before the last commit" not in page.locator("main").inner_text()
        listed.page.get_by_role("link", name="shop, hourly", exact=True).focus()
        (folder / "logs/shop.csv").write_text(rows(1, 12, 7))
        highwater(folder, "run", "shop.toml", "-q")
        eventually(lambda: read(listed.page, card) != before)
        assert listed.page.evaluate("document.activeElement.dataset.job"), "the focus stays"
        eventually(lambda: page.locator(".account").count() and read(page, page.locator(".account")) != before)
        after = read(page, page.locator(".account"))
        assert read(listed.page, card) == after
        rows_shown = page.locator(".status").first.inner_text()
        data = page.evaluate("JSON.parse(document.getElementById('data').textContent)")
        account = data["run"]["account"]
        assert data["outputs"][1]["rows"] == account["counted"], "outputs and account are of one commit"
        assert f"{data['outputs'][0]['rows']:,}" in rows_shown
        assert "recorded before the last commit" in page.locator("main").inner_text(), "an old verification says so"
        eventually(lambda: "committed" in page.locator(".live").inner_text() or page.locator(".live").inner_text() == "live")
        # A reader who searches is asked first.
        page.locator("input[type=search]").first.fill("books")
        (folder / "logs/shop.csv").write_text(rows(1, 10, 7))
        highwater(folder, "run", "shop.toml", "-q")
        button = page.get_by_role("button", name="Show the new state")
        button.wait_for(timeout=30000)
        assert read(page, page.locator(".account")) == after
        button.click()
        eventually(lambda: page.locator(".account").count() and read(page, page.locator(".account")) not in (before, after))


def check_half(browser, server, folder):
    """While a commit is under way the numbers are those before it."""
    with Watched(browser, server.address) as seen:
        page = seen.open("big-spenders")
        read = page.locator(".account .read .tile-value").inner_text()
        journal = folder / "out/big-spenders/_highwater/journal.json"
        journal.write_text("{}")
        eventually(lambda: page.locator(".live").inner_text() == "a commit is not complete")
        page.reload()
        page.wait_for_selector("footer")
        assert page.locator(".account .read .tile-value").inner_text() == read
        page.goto(server.address)
        card = page.locator(".job", has=page.get_by_role("link", name="big-spenders", exact=True))
        eventually(lambda: "commit not complete" in card.inner_text())
        assert read in card.inner_text()
        journal.unlink()
        eventually(lambda: "commit not complete" not in card.inner_text())


def check_hostile(browser, server, _):
    with Watched(browser, server.address) as seen:
        page = seen.page
        names = page.locator(".job h2").all_inner_texts()
        assert HOSTILE[0] in names and HOSTILE[4] in names, names
        assert "\ufffd" in next(name for name in names if "a bell" in name)
        assert page.locator(".job script, .job img, .job svg, .job b").count() == 0
        page = seen.open(HOSTILE[0])
        assert HOSTILE[0] in page.locator("h1").inner_text()
        shown = " ".join(page.locator("td").all_inner_texts())
        for name in [*HOSTILE[:2], *HOSTILE[3:]]:
            assert name in shown, f"{name} is not shown as text"
        assert page.locator("td script, td img, td svg, h1 script").count() == 0
        page.go_back()
        page.wait_for_selector(".jobs")
        page = seen.open("broken manifest")
        assert "<b>" not in page.locator("#before").inner_html().replace("&lt;b&gt;", "")
        assert "cannot be shown" in page.locator("#before").inner_text()
        assert page.locator(".account").count() == 1, "the other output is shown"


def check_keyboard(browser, server, _):
    with Watched(browser, server.address) as seen:
        page = seen.page
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "main"
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.type") == "search"
        page.keyboard.type("shop, hourly")
        for _ in range(8):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.dataset.job"):
                break
        ring = page.evaluate("(() => { const s = getComputedStyle(document.activeElement, '::after'); return [s.outlineStyle, s.outlineWidth]; })()")
        assert ring == ["solid", "2px"], f"the focus is seen: {ring}"
        page.keyboard.press("Enter")
        page.wait_for_selector(".back")
        assert page.locator("h1").inner_text() == "shop, hourly"
        # Everything that can be used gets the focus, and shows it.
        page.keyboard.press("Tab")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "back"
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
        page.keyboard.press("Enter")
        page.wait_for_selector(".jobs")


def check_phone(browser, server, _):
    with Watched(browser, server.address, viewport=PHONE, device_scale_factor=2, is_mobile=True, has_touch=True) as seen:
        wide = lambda: seen.page.evaluate("document.documentElement.scrollWidth")
        assert wide() <= 360, f"the list is {wide()} wide on a phone"
        for job in seen.page.evaluate("JSON.parse(document.getElementById('data').textContent).jobs"):
            if not job["outputs"] and not job["error"]:
                continue
            seen.page.goto(f"{server.address}job/{job['id']}")
            seen.page.wait_for_selector("footer")
            assert wide() <= 360, f"{job['name'][:40]} is {wide()} wide on a phone"


def check_dark(browser, server, _):
    back = lambda page: page.evaluate("getComputedStyle(document.body).backgroundColor")
    with Watched(browser, server.address, color_scheme="dark") as seen:
        own = back(seen.page)
        page = seen.open("shop, hourly")
        assert back(page) == own != "rgb(246, 247, 249)"
        page.get_by_label("Use light colours").click()
        assert back(page) == "rgb(246, 247, 249)"
        page.get_by_role("link", name="All jobs").click()
        page.wait_for_selector(".jobs")
        assert back(page) == "rgb(246, 247, 249)", "the choice holds for all pages"


def check_gone(browser, server, folder):
    """The page says so when its server has ended."""
    with Server(folder) as own, Watched(browser, own.address) as seen:
        own.process.send_signal(signal.SIGTERM)
        own.process.wait(20)
        eventually(lambda: seen.page.locator(".live").inner_text() == "the server does not answer")
        # The browser itself writes to the console when a request fails.
        seen.faults = [fault for fault in seen.faults if "Failed to load" not in fault and "ERR_" not in fault]


def check_token(browser, _, folder):
    with Server(folder, "--host", "0.0.0.0") as server:
        address = server.address.replace("0.0.0.0", "127.0.0.1")
        bare = address.split("?")[0]
        context = browser.new_context()
        page = context.new_page()
        assert page.goto(bare).status == 401
        page.goto(address)
        page.wait_for_selector(".jobs")
        assert page.url == bare, "the token does not stay in the address"
        [cookie] = context.cookies()
        assert cookie["httpOnly"] and cookie["sameSite"] == "Strict", cookie
        assert page.evaluate("document.cookie") == ""
        page.get_by_role("link", name="shop, hourly", exact=True).click()
        page.wait_for_selector(".back")
        context.close()


def pictures(browser, server, shots):
    for kind, context in {
        "desktop": {"viewport": DESKTOP},
        "dark": {"viewport": DESKTOP, "color_scheme": "dark"},
        "phone": {"viewport": PHONE, "device_scale_factor": 2, "is_mobile": True},
        "phone-dark": {"viewport": PHONE, "device_scale_factor": 2, "is_mobile": True, "color_scheme": "dark"},
    }.items():
        with Watched(browser, server.address, **context) as seen:
            seen.page.wait_for_timeout(200)
            seen.page.screenshot(path=shots / f"serve-list-{kind}.png", full_page=kind == "desktop")
            for name in ["shop, hourly", "broken job", "broken manifest"]:
                page = seen.open(name)
                page.wait_for_timeout(300)
                page.screenshot(path=shots / f"serve-{name.replace(', ', '-').replace(' ', '-')}-{kind}.png", full_page=True)
                page.go_back()
                page.wait_for_selector(".jobs")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shots", type=Path, help="a folder for pictures of the pages")
    parser.add_argument("--only", help="one check, by its name")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made) / "warehouse"
        folder.mkdir()
        make(folder)
        with sync_playwright() as driver, Server(folder) as server:
            browser = chromium(driver)
            if args.shots:
                args.shots.mkdir(parents=True, exist_ok=True)
                pictures(browser, server, args.shots)
            checks = [check_many, check_axe, check_hostile, check_keyboard, check_phone, check_dark, check_commit, check_half, check_token, check_gone]
            for check in checks:
                if args.only in (None, check.__name__):
                    began = time.monotonic()
                    check(browser, server, folder)
                    print(f"{check.__name__}: {time.monotonic() - began:.1f} s")
            browser.close()
    print("serve: all well")


if __name__ == "__main__":
    sys.exit(main())
