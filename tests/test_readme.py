"""The README: its code runs, its commands and names exist, and nothing public is left out of it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from inspect import signature
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

import tokeneff
from tokeneff.cli import main
from tokeneff.otel import resolve
from tokeneff.telemetry import names

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
COLLECTOR = "http://localhost:4318"
MOST_NOT_RUN = 1
ELSEWHERE = "in an environment of its own"
"""Blocks that tests/frameworks run."""

# Imports all that is heavy once; each block then has a process, forked from there, and a provider of its own.
RUNNER = """
import atexit, gc, json, os, sys, tempfile, traceback
import anthropic.resources.messages, openai.resources.chat, openai.resources.responses
import opentelemetry.exporter.otlp.proto.http.metric_exporter, opentelemetry.exporter.otlp.proto.http.trace_exporter
import opentelemetry.sdk.metrics, opentelemetry.sdk.trace.export
import tokeneff._install, tokeneff._wrap, tokeneff.adapters.anthropic, tokeneff.adapters.openai
import tokeneff.otel._build, tokeneff.telemetry.capture, tokeneff.telemetry.openinference
import tokeneff.testing.server, tokeneff.tokens, tokeneff.ledger._building, tokeneff.accounts._accounts

tokeneff.Prices().preload()
tokeneff.tokens.counter().await_vocabulary("gpt-4o", 20)
def run(block):
    with tokeneff.testing.FakeProvider() as provider:
        # What a block writes goes into a folder of its own, where the prices of this page are.
        os.chdir(tempfile.mkdtemp(dir=block["folder"]))
        with open("prices.toml", "w") as file:
            file.write(block["prices"])
        os.environ |= {
            "OPENAI_BASE_URL": provider.openai_url, "OPENAI_API_KEY": "test",
            "ANTHROPIC_BASE_URL": provider.anthropic_url, "ANTHROPIC_API_KEY": "test",
            "OTEL_EXPORTER_OTLP_ENDPOINT": block["collector"],
        }
        there = {"__name__": "readme"}
        exec(compile(block["code"], block["id"], "exec"), there)
        for name, function in there.items():
            if name.startswith("test_"):
                with tokeneff.testing.FakeProvider() as fake_provider:
                    function(fake_provider)
        return provider.request_count

gc.freeze()
told = {}
for block in json.load(sys.stdin):
    with tempfile.TemporaryFile("w+") as out:
        child = os.fork()
        if not child:
            os.dup2(out.fileno(), 1), os.dup2(out.fileno(), 2)
            code = 1
            try:
                print("requests", run(block))
                code = 0
            except BaseException:
                traceback.print_exc(file=sys.stdout)
            atexit._run_exitfuncs()
            sys.stdout.flush()
            os._exit(code)  # without the seconds that it takes to take all modules down
        status = os.waitpid(child, 0)[1]
        out.seek(0)
        told[block["id"]] = [os.waitstatus_to_exitcode(status), out.read()]
json.dump(told, sys.stdout)
"""


@dataclass(frozen=True, slots=True)
class Block:
    id: str
    section: str
    language: str
    code: str
    not_run: str | None

    @property
    def calls(self) -> bool:
        """Whether it makes a call as soon as it runs."""
        return re.search(r"^(    )?\S.*\.create\(", self.code, re.MULTILINE) is not None and "def " not in self.code


def blocks(language: str) -> list[Block]:
    found: list[Block] = []
    section, marker, before = "", None, ""
    lines = iter(README.splitlines())
    for line in lines:
        if line.startswith("## "):
            section = line.removeprefix("## ")
        if line.startswith("```"):
            code: list[str] = []
            while (inner := next(lines)) != "```":
                code.append(inner)
            marker = re.fullmatch(r"<!-- not run: (.+) -->", before)
            name = f"{section.lower().replace(' ', '-') or 'top'}-{len(found)}"
            found.append(Block(name, section, line[3:], "\n".join(code) + "\n", marker[1] if marker else None))
        before = line
    return [block for block in found if block.language == language]


PYTHON = blocks("python")
RUN = [block for block in PYTHON if block.not_run is None]


@pytest.fixture
def arrived() -> Iterator[tuple[str, set[str]]]:
    """A collector, and the paths that were posted to."""
    paths: set[str] = set()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            paths.add(self.path)
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", paths
    server.shutdown()
    server.server_close()
    thread.join()


def _ran(url: str, folder: Path) -> dict[str, tuple[int, str]]:
    """What came of each block: its exit code, and what it printed."""
    asked: list[dict[str, str]] = []
    (prices,) = blocks("toml")
    empty = folder / "empty"
    empty.mkdir()
    for block in RUN:
        collector = f"{url}/{block.id}"
        code = block.code.replace(COLLECTOR, collector)
        given = {"folder": str(folder), "prices": prices.code}
        asked.append({"id": block.id, "code": code, "collector": collector, **given})
    # No proxy stands before loopback, and clients are built quickly where there are no certificates to load.
    kept = {
        key: value
        for key, value in os.environ.items()
        if not re.match("(?i)OTEL_|OPENAI_|ANTHROPIC_|TOKENEFF_|.*_proxy", key)
    }
    done = subprocess.run(
        [sys.executable, "-c", RUNNER],
        input=json.dumps(asked),
        env={**kept, "SSL_CERT_DIR": str(empty)},
        cwd=empty,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the blocks run in forked processes")
def test_every_block_runs(arrived: tuple[str, set[str]], tmp_path: Path) -> None:
    url, paths = arrived
    ran = _ran(url, tmp_path)
    assert set(ran) == {block.id for block in RUN}
    for block in RUN:
        code, printed = ran[block.id]
        assert code == 0, f"{block.id}: {printed}"
        assert "Traceback" not in printed, f"{block.id}: {printed}"
        if block.calls:
            assert int(printed.rpartition("requests ")[2].split()[0]) > 0, f"{block.id}: {printed}"
        if block.calls and "configure_otel(" in block.code:
            assert {f"/{block.id}/v1/traces", f"/{block.id}/v1/metrics"} <= paths


def test_most_blocks_run_and_make_calls() -> None:
    not_run = [block for block in PYTHON if block.not_run]
    nowhere = [block.not_run for block in not_run if block.not_run != ELSEWHERE]
    assert len(nowhere) <= MOST_NOT_RUN, nowhere
    for block in not_run:
        compile(block.code, block.id, "exec")
    assert sum(block.calls for block in RUN) >= 7
    assert sum("def test_" in block.code for block in RUN) >= 2


def _environments() -> list[Any]:
    return [pytest.param(block, id=block.id) for block in blocks("sh")]


@pytest.mark.parametrize("block", _environments())
def test_environment_is_understood(block: Block, monkeypatch: pytest.MonkeyPatch) -> None:
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("needs bash")
    given = dict.fromkeys(re.findall(r"\$(\w+)", block.code), "secret")
    printed = subprocess.run(
        [bash, "-euc", f"{block.code}\nenv -0"],
        env={**given, "PATH": os.environ["PATH"]},
        capture_output=True,
        check=True,
    ).stdout.decode()
    told = dict(entry.split("=", 1) for entry in printed.split("\0") if entry.startswith("OTEL_"))
    for name in [name for name in os.environ if name.startswith("OTEL_")]:
        monkeypatch.delenv(name)
    for name, value in told.items():
        assert name in block.code
        monkeypatch.setenv(name, value)
    settings = resolve()
    assert settings.traces is not None
    assert settings.traces.endpoint.endswith("/v1/traces")
    assert (settings.metrics is None) == ("OTEL_METRICS_EXPORTER=none" in block.code)
    headers = "".join(value for name, value in told.items() if name.endswith("HEADERS"))
    if "base64" in block.code:
        assert b64encode(b"secret:secret").decode() in headers
    else:
        assert ("secret" in headers) == ("KEY" in block.code)


def _sections(level: str) -> dict[str, str]:
    """What stands below each heading of a level, up to the next heading of the same level or a higher one."""
    text = re.sub(r"```.*?```", lambda match: match[0].replace("\n#", "\n "), README, flags=re.DOTALL)
    end = "|".join(f"^{'#' * number} " for number in range(1, len(level) + 1))
    found = re.finditer(rf"^{level} (.+)\n((?:(?!{end}).*\n)*)", text, re.MULTILINE)
    return {match[1]: match[2] for match in found}


def _options(text: str) -> set[str]:
    return set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", text))


@pytest.mark.parametrize("command", ["demo", "replay", "doctor", "report"])
def test_command_is_documented(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    general = _options(_sections("##")["Command line"].partition("\n### ")[0])
    documented = general | _options(_sections("###")[f"tokeneff {command}"])
    assert main([command, "--help"]) == 0
    usage = capsys.readouterr().out.partition("\n\n")[0]
    assert documented == _options(usage) | {"--help"}


def test_commands_are_all_documented(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--help"])
    commands = re.findall(r"^    (\w+)  ", capsys.readouterr().out, re.MULTILINE)
    assert commands
    assert {f"tokeneff {command}" for command in commands} == {
        title for title in _sections("###") if title.startswith("tokeneff ")
    }


def test_every_public_name_is_mentioned() -> None:
    for name in tokeneff.__all__:
        assert re.search(rf"\btokeneff\.{re.escape(name)}\b", README), name


@pytest.mark.parametrize("function", [tokeneff.wrap, tokeneff.configure_otel], ids=["wrap", "configure_otel"])
def test_every_argument_is_mentioned(function: Any) -> None:
    for name in signature(function).parameters:
        if name not in ("client", "endpoint"):
            assert re.search(rf"\b{name}\b", README), name


def test_every_attribute_of_ours_is_mentioned() -> None:
    told = [value for name, value in vars(names).items() if name.isupper() and isinstance(value, str)]
    ours = [value for value in told if value.startswith("tokeneff.")]
    assert len(ours) > 5
    for name in ours:
        assert name in README


def test_faults_are_all_named() -> None:
    from tokeneff.testing import faults

    (listed,) = re.findall(r"^Faults: (.+?\.)$", README, re.MULTILINE | re.DOTALL)
    makers = {name for name in faults.__all__ if name[0].islower()}
    assert set(re.findall(r"`(\w+)`", listed)) == makers


def test_make_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    named = set(
        re.findall(r"\bmake ([a-z]+(?:-[a-z]+)*)\b", "\n".join(re.findall(r"`make .+?`|^\$ make .+$", README, re.M)))
    )
    assert named
    assert named <= targets
    assert targets - {"env"} <= named


def test_links_lead_somewhere() -> None:
    headings = re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", README, flags=re.DOTALL), re.MULTILINE)
    anchors = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    links = re.findall(r"\]\(([^)]+)\)", README)
    assert links
    for link in links:
        if link.startswith("#"):
            assert link[1:] in anchors, link
        elif "://" not in link:
            assert (ROOT / link).exists(), link
