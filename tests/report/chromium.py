"""Pages in a real browser, headless, as a reader would have them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html import escape, unescape
from pathlib import Path
from typing import Any

import pytest

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"),
    *("--enable-logging=stderr", "--virtual-time-budget=5000", "--window-size=1500,1000", "--dump-dom"),
)


class Browser:
    """Runs probes within pages; what a page complains of fails the test."""

    def __init__(self, program: str, folder: Path) -> None:
        self._program = program
        self._folder = folder
        self._runs = 0

    def probe(self, page: str, script: str, *, dark: bool = False, width: int = 1400) -> Any:
        """What ``script`` returns within the page, as JSON.

        Args:
            page: HTML, which is loaded just as it is.
            script: the body of a JavaScript function of ``page`` (the window) and ``find`` (its querySelectorAll).
            dark: whether the reader prefers dark pages.
            width: of the page, in pixels.
        """
        self._runs += 1
        file = self._folder / f"{self._runs}.html"
        file.write_text(_HARNESS % (escape(page), width, script), encoding="utf-8")
        scheme = f"--blink-settings=preferredColorScheme={0 if dark else 1}"
        profile = f"--user-data-dir={self._folder / f'profile-{self._runs}'}"
        done = subprocess.run(
            [self._program, *_FLAGS, scheme, profile, file.as_uri()], capture_output=True, timeout=120, check=False
        )
        complaints = [line for line in done.stderr.decode(errors="replace").splitlines() if ":CONSOLE" in line]
        assert complaints == []
        found = re.search(r'<pre id="answer">(.*?)</pre>', done.stdout.decode(), re.DOTALL)
        assert found, done.stderr.decode(errors="replace")[-2000:]
        answer = json.loads(unescape(found[1]))
        assert "fault" not in answer, answer["fault"]
        return answer["value"]


def browser(folder: Path) -> Browser:
    """The browser of this machine; the test is skipped where there is none."""
    program = next(filter(None, map(shutil.which, _NAMES)), None)
    if program is None:
        pytest.skip(f"no browser here: none of {', '.join(_NAMES)} is on the path")
    return Browser(program, folder)


_HARNESS = """<!doctype html><meta charset="utf-8"><body style="margin:0">
<iframe id="frame" srcdoc="%s" style="border:0;height:900px;width:%dpx"></iframe><script>
const frame = document.getElementById("frame");
const settled = () => new Promise((done) => setTimeout(done, 50));
const probe = async (page, find) => {%s};
frame.addEventListener("load", async () => {
  let answer;
  try {
    await settled();
    const find = (selector) => [...frame.contentDocument.querySelectorAll(selector)];
    answer = { value: await probe(frame.contentWindow, find) };
  } catch (fault) {
    answer = { fault: String(fault.stack) };
  }
  const shown = Object.assign(document.createElement("pre"), { id: "answer", textContent: JSON.stringify(answer) });
  document.body.append(shown);
});
</script></body>
"""
