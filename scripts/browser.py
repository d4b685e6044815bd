"""What `report.py` and `serve.py` share: the browser, and names that would be markup. It is not run by itself."""

import sys
from pathlib import Path

try:
    from playwright.sync_api import sync_playwright
except ImportError as missing:
    print(f"{Path(sys.argv[0]).name}: {missing}; pip install playwright", file=sys.stderr)
    sys.exit(2)

# Names that run a script where a page takes them for markup.
MARKUP = [
    "</script><script>window.hacked = 1</script>",
    "<img src=x onerror='window.hacked = 2'>",
    "\"><svg onload=window.hacked=3>",
]


def browser(driver):
    """Debian's chromium, without a window."""
    args = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
    return driver.chromium.launch(executable_path="/usr/bin/chromium", args=args)
