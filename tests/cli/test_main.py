"""The command line itself: help, usage errors, and clean endings."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .conftest import Run


def test_help_names_every_command(run: Run) -> None:
    ran = run("--help")
    assert ran.code == 0
    modules = Path(sys.modules["tokeneff.cli"].__file__ or "").parent / "commands"
    names = sorted(path.stem for path in modules.glob("*.py") if not path.stem.startswith("_"))
    assert {"demo", "doctor", "replay"} <= set(names)
    assert re.findall(r"^    (\w+) ", ran.out, flags=re.M) == names


@pytest.mark.parametrize("command", ["budget", "dashboards", "demo", "doctor", "replay"])
def test_each_command_explains_itself_with_examples(run: Run, command: str) -> None:
    ran = run(command, "--help")
    assert ran.code == 0
    assert f"tokeneff {command}" in ran.out
    assert "examples:" in ran.out


def test_a_file_put_there_is_a_command(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tokeneff.cli import commands

    source = """
        \"\"\"Say a word.\"\"\"
        def arguments(parser):
            parser.add_argument("word")
        def run(args, out):
            out.show(args.word)
            return 7
    """
    (tmp_path / "say_it.py").write_text(textwrap.dedent(source), encoding="utf-8")
    monkeypatch.setattr(commands, "__path__", [*commands.__path__, str(tmp_path)])
    ran = run("say-it", "hello")
    assert (ran.code, ran.out, ran.err) == (7, "hello\n", "")
    assert re.search(r"say-it +say a word", run("--help").out)


def test_version(run: Run) -> None:
    assert run("--version").out == f"tokeneff {version('tokeneff')}\n"


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        ([], "COMMAND"),
        (["nonsense"], "nonsense"),
        (["replay"], "TRACE.jsonl"),
        (["replay", "x", "--limit", "0"], "'0' is not a whole number above 0"),
        (["replay", "x", "--concurrency", "many"], "'many' is not a whole number above 0"),
        (["replay", ""], "argument TRACE.jsonl: it is empty"),
        (["replay", "x", "--otlp", ""], "argument --otlp: it is empty"),
        (["report", "--since", ""], "argument --since: it is empty; give a value, or leave it out"),
        (["report", "--by", ""], "argument --by: it is empty"),
        (["report", "--html", " "], "argument --html: it is empty"),
        (["report", "--logs="], "argument --logs: it is empty"),
        (["ledger", "export", "--csv", "-", "--since="], "argument --since: it is empty"),
        (["ledger", "export", "--jsonl", ""], "argument --jsonl: it is empty"),
        (["ledger", "prune", "--older", "1d", "--ledger", ""], "argument --ledger: it is empty"),
    ],
)
def test_wrong_usage_is_two(run: Run, argv: list[str], said: str) -> None:
    ran = run(*argv)
    assert ran.code == 2
    assert ran.out == ""
    assert said in ran.err


def test_as_a_module_and_as_a_script(spawn: Run) -> None:
    script = Path(sys.executable).with_name("tokeneff")
    done = subprocess.run([script, "--version"], capture_output=True, encoding="utf-8", timeout=60, check=True)
    assert spawn("--version").out == done.stdout


def test_a_reader_that_leaves_is_no_fault() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "tokeneff", "doctor"]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, encoding="utf-8", timeout=60)
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, "")


def test_ctrl_c_ends_without_a_traceback(tmp_path: Path) -> None:
    fifo = tmp_path / "trace.jsonl"
    os.mkfifo(fifo)
    command = [sys.executable, "-m", "tokeneff", "replay", str(fifo)]
    # Where the suite runs in a shell's background, ctrl-C is ignored, and what is ignored is inherited.
    heed = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with (
        subprocess.Popen(command, **pipes, encoding="utf-8", preexec_fn=heed) as process,
        fifo.open("wb") as writer,  # opens when the command has: it now waits for the first line
    ):
        writer.write(b"{}\n" * 3)
        writer.flush()
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert (out, err) == ("", "tokeneff replay: interrupted\n")


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}, {}])
def test_no_escape_codes_in_a_pipe(spawn: Run, environment: dict[str, str]) -> None:
    ran = spawn("doctor", **environment)
    assert "\x1b" not in ran.out + ran.err


def test_narrow_and_ascii_terminals(spawn: Run) -> None:
    ran = spawn("doctor", COLUMNS="40", PYTHONIOENCODING="ascii", PYTHONUTF8="0", LC_ALL="C")
    assert ran.code in (0, 1), ran.err
    assert max(map(len, ran.out.splitlines())) <= 40
    assert ran.out.isascii()


def test_help_loads_nothing_heavy(spawn: Run) -> None:
    code = "import sys, tokeneff.cli as c; c.main(['--help']); print(sorted({m.split('.')[0] for m in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", timeout=60, check=True)
    loaded = done.stdout.rpartition("[")[2]
    for heavy in ("'openai'", "'anthropic'", "'rich'", "'httpx'", "'tiktoken'"):
        assert heavy not in loaded
