"""The fixture that comes with the package, and what it costs those who do not use it."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import openai

import tokeneff.testing
from tokeneff.testing import FakeProvider


def test_the_fixture(fake_provider: FakeProvider) -> None:
    fake_provider.queue("from the fixture")
    with openai.OpenAI(base_url=fake_provider.openai_url, api_key="test") as client:
        completion = client.chat.completions.create(model="m", messages=[])
    assert completion.choices[0].message.content == "from the fixture"


def test_the_entry_point() -> None:
    values = [point.value for point in entry_points(group="pytest11") if point.name == "tokeneff"]
    assert values == ["tokeneff.testing.pytest_plugin"]


def test_it_works_in_another_project(tmp_path: Path) -> None:
    (tmp_path / "test_theirs.py").write_text("def test_it(fake_provider):\n    assert fake_provider.port\n")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        str(tmp_path),
        str(tmp_path),
    ]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert "1 passed" in done.stdout


def test_loading_it_loads_no_sdk_and_no_server() -> None:
    code = (
        "import sys, tokeneff.testing.pytest_plugin\n"
        "heavy = {'openai', 'anthropic', 'httpx', 'httpx2', 'socket', 'tokeneff.testing.server'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() in ("[]", "['socket']")  # other parts of the package may use sockets


def test_every_public_name_is_there() -> None:
    assert all(getattr(tokeneff.testing, name) is not None for name in tokeneff.testing.__all__)
    assert not hasattr(tokeneff.testing, "nothing")
