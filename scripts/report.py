"""Reports in a real browser: Debian's chromium, driven by playwright (`pip install playwright`, which is the driver alone).

Makes pages with target/release/highwater in a folder of its own, opens them from the disk, and holds what they promise:
no word on the console, no request but the file itself, sorting, search, paging, themes, printing, keys that would be
markup, a phone's width, and a page of a million rows in a few seconds.

    python3 scripts/report.py                    # checks; exits 1 at the first promise that is broken
    python3 scripts/report.py --shots FOLDER     # and leaves pictures of the pages there
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from decimal import Decimal
from pathlib import Path

from browser import MARKUP, browser as chromium, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
BINARY = ROOT / "target/release/highwater"

HOSTILE = [
    *MARKUP,
    "javascript:window.hacked=4",
    "{a|{b}} ${window.hacked=5} {{title}} {{script}}",
    "<!-- --> &lt;b&gt; &amp; ' \" ` \\",
    "=cmd|' /C calc'!A0",
    "\u202eright to left\u202c \u2028 line",
    "__proto__",
    "constructor",
    "x" * 3000,
    "",
]

HOSTILE_JOB = """
name = "</title><script>window.hacked = 6</script>"
timezone = "Europe/London"
[source]
path = "hostile.jsonl"
time = "t"
types = { key = "string", amount = "decimal(38,2)", big = "int64" }
[[output]]
path = "out/<b>&'.csv"
window = { tumbling = "1 day" }
by = ["key"]
select = { "</script><i>total" = "sum(amount)", n = "count(*)", big = "max(big)", share = "avg(amount)" }
[[output]]
path = "out/events.jsonl"
[[output]]
path = "out/page.html"
title = "</title><script>window.hacked = 7</script>"
"""

MILLION_JOB = """
name = "a million rows"
[source]
path = "views/*.csv"
time = "timestamp"
time_unit = "s"
[[output]]
path = "out/views"
window = { tumbling = "1m" }
by = ["postcode"]
select = { views = "count(*)", users = "count(distinct user_id)" }
partition_by = ["date"]
"""


def hostile_rows():
    lines = []
    for i in range(240):
        key = HOSTILE[i % len(HOSTILE)]
        day = 25 + i // 60
        amount = ["12345678901234567890.12", "0.10", "-7.00", "99999999999999999999999.99"][i % 4]
        row = {"t": f"2024-03-{day:02}T{i % 24:02}:{i % 60:02}:00", "key": key, "amount": amount, "big": 9007199254740993 - i % 3}
        lines.append(json.dumps(row))
    return "\n".join(lines) + "\n"


def highwater(folder, *args):
    done = subprocess.run([BINARY, *args], cwd=folder, capture_output=True, text=True)
    assert done.returncode in (0, 1), f"{args}: {done.stderr}"
    return done


def make(folder):
    """The pages that are looked at, by name."""
    (folder / "data").symlink_to(ROOT / "data")
    pages = {}
    for job, more in {
        "big-spenders": ["--verify"],
        "pageviews-per-postcode": ["--verify"],
        "sales-per-seller": [],
        "money-enrichment": [],
        "pageviews-so-far": [],
        "user-sessions": [],
    }.items():
        highwater(folder, "run", f"data/jobs/{job}.toml", "-q")
        highwater(folder, "report", f"data/jobs/{job}.toml", *more)
        pages[job] = folder / f"out/{job}.html"
    (folder / "hostile.jsonl").write_text(hostile_rows())
    (folder / "hostile.toml").write_text(HOSTILE_JOB)
    highwater(folder, "run", "hostile.toml", "-q")
    pages["hostile-of-run"] = folder / "out/page.html"
    highwater(folder, "report", "hostile.toml", "-o", "out/hostile.html", "--verify", "--audit")
    pages["hostile"] = folder / "out/hostile.html"
    # A result that is not the same, for the page of a comparison.
    csv = (folder / "out/big-spenders.csv").read_text().splitlines()
    (folder / "wrong.csv").write_text("\n".join(csv[:3] + [csv[3].replace(",1", ",2", 1)] + csv[5:]) + "\n")
    highwater(folder, "verify", "out/big-spenders.csv", "--against", "wrong.csv", "--key", "window_start,window_end,account_no",
              "--html", "out/different.html")
    pages["different"] = folder / "out/different.html"
    highwater(folder, "generate", "pageviews", "--rows", "1400000", "--out", "views")
    (folder / "million.toml").write_text(MILLION_JOB)
    began = time.monotonic()
    done = highwater(folder, "run", "million.toml")
    ran = time.monotonic() - began
    rows = int(re.search(r"out/views: ([\d,]+) rows", done.stderr)[1].replace(",", ""))
    assert rows > 1_000_000, done.stderr
    began = time.monotonic()
    highwater(folder, "report", "million.toml", "-o", "out/million.html")
    print(f"{rows:,} rows: run {ran:.2f} s, report {time.monotonic() - began:.2f} s")
    pages["million"] = folder / "out/million.html"
    return pages


class Watched:
    """A page that must not say anything, ask for anything, or open anything."""

    def __init__(self, browser, path, **context):
        self.path = path
        self.context = browser.new_context(**context)
        self.page = self.context.new_page()
        self.faults = []
        self.page.on("console", lambda message: self.faults.append(f"console {message.type}: {message.text}"))
        self.page.on("pageerror", lambda error: self.faults.append(f"error: {error}"))
        self.page.on("dialog", lambda dialog: (self.faults.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        self.page.on("popup", lambda _: self.faults.append("popup"))
        self.page.on("request", lambda request: request.url.split("#")[0] == path.as_uri() or self.faults.append(f"request: {request.url[:80]}"))

    def __enter__(self):
        began = time.monotonic()
        self.page.goto(self.path.as_uri())
        self.page.wait_for_selector("footer")
        self.loaded = time.monotonic() - began
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self.page.wait_for_timeout(100)
            assert not self.faults, f"{self.path.name}: {self.faults}"
            assert self.page.evaluate("window.hacked") is None, f"{self.path.name}: a script of the data ran"
        self.context.close()


def eventually(holds):
    """Waits for what the browser does on its own time, such as events of print and of details."""
    until = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < until, "it never came"
        time.sleep(0.02)


def column(page, table, at):
    """The texts of a column of a table as it is shown."""
    return table.locator(f"tbody tr td:nth-child({at})").all_inner_texts()


def heads_of(table):
    return table.locator("thead th button > span:first-child").all_text_contents()


def number(text):
    return Decimal(text.replace(",", ""))


def check_tables(browser, pages):
    with Watched(browser, pages["sales-per-seller"]) as seen:
        page = seen.page
        table = page.locator(".scroll").first
        box = page.locator(".table").first
        heads = heads_of(table)
        total = heads.index("total") + 1
        head = table.locator("thead th").nth(total - 1)
        everything = seen.page.evaluate("JSON.parse(document.getElementById('data').textContent).outputs[0]")
        values = sorted(number(v) for v in next(c for c in everything["columns"] if c["name"] == "total")["values"])
        head.locator("button").click()
        assert head.get_attribute("aria-sort") == "ascending"
        assert [number(t) for t in column(page, table, total)] == values[:25], "numbers ascend"
        head.locator("button").click()
        assert head.get_attribute("aria-sort") == "descending"
        assert [number(t) for t in column(page, table, total)] == values[::-1][:25], "twice is descending"
        first = table.locator("thead th").first
        first.locator("button").click()
        times = column(page, table, 1)
        assert times == sorted(times) and head.get_attribute("aria-sort") == "none", "times ascend"
        # By the keyboard alone.
        first.locator("button").focus()
        page.keyboard.press("Enter")
        assert first.get_attribute("aria-sort") == "descending"
        times = column(page, table, 1)
        assert times == sorted(times, reverse=True)
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.closest('th').cellIndex") == 1
        # Text.
        key = table.locator("thead th").nth(2)
        key.locator("button").click()
        keys = column(page, table, 3)
        assert keys == sorted(keys), keys
        # Paging.
        status = box.locator(".status")
        rows = everything["rows"]
        assert status.inner_text() == f"Rows 1–25 of {rows:,}", status.inner_text()
        assert box.get_by_label("Previous page").is_disabled()
        box.get_by_label("Next page").click()
        assert status.inner_text() == f"Rows 26–50 of {rows:,}"
        box.get_by_label("Last page").click()
        assert box.get_by_label("Next page").is_disabled() and status.inner_text().endswith(f"–{rows:,} of {rows:,}")
        box.get_by_label("Rows on a page").select_option("100")
        assert status.inner_text() == f"Rows 1–100 of {rows:,}" and table.locator("tbody tr").count() == 100
        # Search: of one seller, whose rows are known from the data.
        sellers = next(c for c in everything["columns"] if c["name"] == "seller_id")
        names = [sellers["texts"][v] if "texts" in sellers else v for v in sellers["values"]]
        wanted = str(names[0])
        search = box.locator("input[type=search]")
        search.fill(wanted.upper())
        found = [text for text in column(page, table, 3)]
        assert found and all(wanted.lower() in " ".join(row).lower() for row in zip(*[column(page, table, i + 1) for i in range(len(heads))]))
        assert "found in" in status.inner_text()
        search.fill("no such row")
        assert "No row matches" in table.inner_text() and status.inner_text().startswith("Rows 0–0 of 0 found")
        search.fill("")
        assert status.inner_text() == f"Rows 1–100 of {rows:,}"
        assert table.locator("thead th").first.evaluate("e => getComputedStyle(e).position") == "sticky"


def check_zone(browser, pages):
    with Watched(browser, pages["big-spenders"]) as seen:
        page = seen.page
        table = page.locator(".scroll").first
        assert column(page, table, 1)[0] == "2021-02-01"
        page.get_by_role("group", name="Time zone").get_by_role("button", name="UTC").click()
        assert column(page, table, 1)[0] == "2021-01-31 17:00 Z"
        page.get_by_role("group", name="Time zone").get_by_role("button", name="Asia/Jakarta").click()
        assert column(page, table, 1)[0] == "2021-02-01"
        links = page.locator("a code").all_inner_texts()
        assert "out/big-spenders" in links and "out/big-spenders.csv" in links, links
        href = page.locator("a", has_text="out/big-spenders.csv").first.get_attribute("href")
        assert (pages["big-spenders"].parent / href).is_file(), href


def check_theme(browser, pages):
    path = pages["pageviews-per-postcode"]
    with Watched(browser, path, color_scheme="light") as seen:
        page = seen.page
        back = lambda: page.evaluate("getComputedStyle(document.body).backgroundColor")
        light = back()
        page.get_by_label("Use dark colours").click()
        dark = back()
        assert light != dark
        colours = page.evaluate("document.querySelector('.chart svg').outerHTML")
        assert "#6cb2ff" in colours.lower() or "108,178,255" in colours, "charts follow the theme"
        page.reload()
        page.wait_for_selector("footer")
        assert back() == dark, "the choice is remembered"
        page.get_by_label("Use light colours").click()
        assert back() == light
    with Watched(browser, path, color_scheme="dark") as seen:
        assert seen.page.evaluate("getComputedStyle(document.body).backgroundColor") == dark, "the system's choice"
    # Where storage is refused the page works, and forgets.
    with Watched(browser, path) as seen:
        pass
    context = browser.new_context()
    context.add_init_script("Object.defineProperty(window, 'localStorage', { get() { throw new Error('no') } })")
    page = context.new_page()
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(path.as_uri())
    page.get_by_label(re.compile("Use (dark|light) colours")).click()
    assert not errors, errors
    context.close()


def check_charts(browser, pages):
    with Watched(browser, pages["pageviews-per-postcode"]) as seen:
        page = seen.page
        first = page.locator(".charts").first
        kinds = first.get_by_role("group", name="Kind of chart").get_by_role("button")
        assert kinds.all_inner_texts() == ["Over time", "Top keys", "Heat map"]
        for kind in range(3):
            kinds.nth(kind).click()
            chart = first.locator(".chart")
            assert chart.locator("svg path").count() > 3
            assert kinds.nth(kind).get_attribute("aria-pressed") == "true"
            says = chart.get_attribute("aria-label")
            assert says.startswith(["Lines", "Bars", "Heat map"][kind]), says
            first.get_by_text("These values as a table").click()
            eventually(lambda: first.locator(".values table").count() == 1)
            first.get_by_text("These values as a table").click()
        # What the bars say is what the rows add up to.
        data = page.evaluate("JSON.parse(document.getElementById('data').textContent)")
        output = data["outputs"][0]
        by = {c["name"]: c for c in output["columns"]}
        assert output["carried"] == output["rows"]
        names = [by["postcode"]["texts"][v] for v in by["postcode"]["values"]]
        sums = {}
        for name, views in zip(names, by["views"]["values"]):
            sums[name] = sums.get(name, 0) + views
        own = output["charts"]["by"][0]["measures"][0]
        for name, value in own["bars"]:
            assert sums[name] == value, (name, value, sums[name])
        assert sorted(sums.values(), reverse=True)[: len(own["bars"])] == [value for _, value in own["bars"]]
        assert sum(output["charts"]["all"][0]) == sum(sums.values())
        drawn = [sum(line) for line in own["series"]] + [sum(own["rest"])]
        assert sum(drawn) == sum(sums.values())
        kinds.nth(0).click()
        first.locator(".chart").hover(position={"x": 400, "y": 180})
        page.wait_for_selector(".tip")
        # Late data is there for a streamed job, and what verify says.
        assert page.locator("h2", has_text="Late data").count() == 1
        # SQL gives the three outputs and the late output.
        assert page.locator(".badge.good").count() == 4 and page.locator(".badge.bad").count() == 0
    with Watched(browser, pages["different"]) as seen:
        assert seen.page.locator(".badge.bad").count() == 1
        assert seen.page.get_by_text("only here").count() >= 1


def check_hostile(browser, pages):
    for name in ["hostile", "hostile-of-run"]:
        with Watched(browser, pages[name]) as seen:
            page = seen.page
            shown = " ".join(page.locator("td").all_inner_texts())
            for text in HOSTILE[:3]:
                assert text in shown, f"{name}: {text} is not shown as text"
            assert page.locator("td script, td img, td svg, td i, h1 script, h2 b, th i").count() == 0
            assert "</title><script>" in page.locator("h1").inner_text()
            assert "<script>" in page.title()
            for charts in page.locator(".charts").all():
                buttons = charts.get_by_role("group", name="Kind of chart").get_by_role("button").all()
                for button in buttons:
                    button.click()
                    for x in (300, 500, 700):
                        charts.locator(".chart").hover(position={"x": x, "y": 60})
                        page.wait_for_timeout(30)
                    assert charts.locator(".chart").locator("script, img, foreignObject").count() == 0
            # Exact digits, sorted as numbers.
            table = page.locator(".scroll").first
            heads = heads_of(table)
            total = heads.index("</script><i>total") + 1
            table.locator("thead th").nth(total - 1).locator("button").click()
            values = [number(text) for text in column(page, table, total)]
            assert values == sorted(values) and any(value > 2**64 for value in values), values
            big = column(page, table, heads.index("big") + 1)
            assert any(text == "9,007,199,254,740,993" for text in big), big
            links = page.locator("a[href]").evaluate_all("all => all.map(a => a.getAttribute('href'))")
            assert all(link.startswith(("#", "./", "../")) for link in links), links


def check_phone(browser, pages):
    for name, path in pages.items():
        with Watched(browser, path, viewport={"width": 390, "height": 844}, device_scale_factor=2, is_mobile=True, has_touch=True) as seen:
            wide = seen.page.evaluate("document.documentElement.scrollWidth")
            assert wide <= 390, f"{name}: the body is {wide} wide on a phone"


def check_print(browser, pages, shots):
    for name in ["big-spenders", "pageviews-per-postcode"]:
        with Watched(browser, pages[name], color_scheme="dark") as seen:
            pdf = seen.page.pdf(format="A4", print_background=True)
            assert pdf.startswith(b"%PDF") and len(pdf) > 20_000
            if shots:
                (shots / f"{name}.pdf").write_bytes(pdf)
            # The page is as before.
            eventually(lambda: seen.page.evaluate("document.documentElement.dataset.theme") == "dark")
            seen.page.emulate_media(media="print")
            seen.page.evaluate("dispatchEvent(new Event('beforeprint'))")
            assert seen.page.locator("details.card:not([open])").count() == 0
            assert not seen.page.locator(".contents").is_visible()
            assert seen.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


def check_million(browser, pages):
    path = pages["million"]
    size = path.stat().st_size
    loads = []
    for _ in range(3):
        with Watched(browser, path) as seen:
            loads.append(seen.loaded)
    with Watched(browser, path) as seen:
        # The best, as other work on the machine is not the page's; the bounds are ten times what it takes.
        print(f"a million rows: {size / 1e6:.2f} MB, loaded in {min(loads):.2f} s")
        assert size < 5_000_000 and min(loads) < 6, loads
        assert "The page carries the first 10,000 of" in seen.page.locator("main").inner_text()
        began = time.monotonic()
        seen.page.locator(".scroll").first.locator("thead th button").last.click()
        assert time.monotonic() - began < 6


def check_keyboard(browser, pages):
    with Watched(browser, pages["big-spenders"]) as seen:
        page = seen.page
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "main"
        # Everything that can be used has a name, and every heading follows the one above it.
        nameless = page.evaluate("""[...document.querySelectorAll('button, select, input, a[href]')].filter(e =>
            !(e.textContent.replace('↕', '').trim() || e.getAttribute('aria-label') || e.closest('label'))).map(e => e.outerHTML)""")
        assert not nameless, nameless
        levels = page.evaluate("[...document.querySelectorAll('h1, h2, h3, h4')].map(e => Number(e.tagName[1]))")
        assert levels[0] == 1 and levels.count(1) == 1 and all(b - a <= 1 for a, b in zip(levels, levels[1:])), levels
        assert page.locator("main").count() == 1 and page.locator("header").count() == 1 and page.locator("nav[aria-label]").count() == 1
        ids = page.evaluate("[...document.querySelectorAll('[id]')].map(e => e.id)")
        assert len(ids) == len(set(ids))


def pictures(browser, pages, shots):
    for name, path in pages.items():
        for kind, context in {
            "desktop-light": {"viewport": {"width": 1280, "height": 900}, "color_scheme": "light"},
            "desktop-dark": {"viewport": {"width": 1280, "height": 900}, "color_scheme": "dark"},
            "phone-light": {"viewport": {"width": 390, "height": 844}, "color_scheme": "light"},
            "phone-dark": {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark"},
        }.items():
            with Watched(browser, path, **context) as seen:
                seen.page.wait_for_timeout(200)
                seen.page.screenshot(path=shots / f"{name}-{kind}.png", full_page=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shots", type=Path, help="a folder for pictures of the pages")
    parser.add_argument("--keep", type=Path, help="a folder for the pages themselves")
    args = parser.parse_args()
    if args.shots:
        args.shots.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        if args.keep:
            args.keep.mkdir(parents=True, exist_ok=True)
            folder = args.keep.resolve()
        pages = make(folder)
        with sync_playwright() as driver:
            browser = chromium(driver)
            if args.shots:
                pictures(browser, pages, args.shots)
            for check in [check_tables, check_zone, check_theme, check_charts, check_hostile, check_phone, check_million, check_keyboard]:
                began = time.monotonic()
                check(browser, pages)
                print(f"{check.__name__}: {time.monotonic() - began:.1f} s")
            check_print(browser, pages, args.shots)
            print("check_print")
            browser.close()
    print("reports: all well")


if __name__ == "__main__":
    sys.exit(main())
