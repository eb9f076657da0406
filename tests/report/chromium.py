"""Pages in a real browser, headless, as a reader would have them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Mapping
from html import escape, unescape
from pathlib import Path
from typing import Any, NamedTuple

import pytest

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"),
    *("--enable-logging=stderr", "--virtual-time-budget=10000", "--window-size=1500,1000", "--dump-dom"),
)


class Probe(NamedTuple):
    """Something to be done within a page."""

    page: str
    """HTML, which is loaded just as it is."""
    script: str
    """The body of a JavaScript function of ``page`` (its window) and ``find`` (its querySelectorAll)."""
    width: int = 1400
    """Of the page, in pixels."""


class Browser:
    """Runs probes within pages; what a page complains of fails them all."""

    def __init__(self, program: str, folder: Path) -> None:
        self._program = program
        self._folder = folder

    def run(self, probes: Mapping[str, Probe], *, dark: bool = False) -> dict[str, Any]:
        """What each probe returns, as JSON, all of one start of the browser.

        Args:
            dark: whether the reader prefers dark pages.
        """
        frames = "".join(
            f'<iframe srcdoc="{escape(probe.page)}" style="border:0;height:900px;width:{probe.width}px"></iframe>'
            for probe in probes.values()
        )
        scripts = ",".join(f"async (page, find) => {{{probe.script}}}" for probe in probes.values())
        file = self._folder / "pages.html"
        file.write_text(_HARNESS % (frames, scripts), encoding="utf-8")
        scheme = f"--blink-settings=preferredColorScheme={0 if dark else 1}"
        profile = f"--user-data-dir={self._folder / f'profile-{dark}'}"
        done = subprocess.run(
            [self._program, *_FLAGS, scheme, profile, file.as_uri()], capture_output=True, timeout=300, check=False
        )
        complaints = [line for line in done.stderr.decode(errors="replace").splitlines() if ":CONSOLE" in line]
        assert complaints == []
        found = re.search(r'<pre id="answers">(.*?)</pre>', done.stdout.decode(), re.DOTALL)
        assert found, done.stderr.decode(errors="replace")[-2000:]
        return dict(zip(probes, json.loads(unescape(found[1])), strict=True))


def browser(folder: Path) -> Browser:
    """The browser of this machine; the test is skipped where there is none."""
    program = next(filter(None, map(shutil.which, _NAMES)), None)
    if program is None:
        pytest.skip(f"no browser here: none of {', '.join(_NAMES)} is on the path")
    return Browser(program, folder)


_HARNESS = """<!doctype html><meta charset="utf-8"><body style="margin:0">%s<script>
const settled = () => new Promise((done) => setTimeout(done, 50));
const probes = [%s];
addEventListener("load", async () => {
  await settled();
  const answers = [];
  for (const [place, frame] of document.querySelectorAll("iframe").entries()) {
    const find = (selector) => [...frame.contentDocument.querySelectorAll(selector)];
    try {
      answers.push(await probes[place](frame.contentWindow, find));
    } catch (fault) {
      answers.push({ fault: String(fault.stack) });
    }
  }
  const text = JSON.stringify(answers);
  document.body.replaceChildren(Object.assign(document.createElement("pre"), { id: "answers", textContent: text }));
});
</script></body>
"""
