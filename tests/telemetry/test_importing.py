"""What ``import tokeneff`` brings along, and what it offers."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys

import pytest

import tokeneff

HEAVY = ("openai", "anthropic", "httpx", "httpx2", "opentelemetry.sdk", "rich", "tiktoken", "anyio", "pydantic")
SCRIPT = f"""
import json, sys
import tokeneff
heavy = {HEAVY!r}
print(json.dumps([name for name in sys.modules if any(name == one or name.startswith(one + ".") for one in heavy)]))
"""


def test_importing_it_loads_nothing_heavy() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=60, check=True)

    assert json.loads(done.stdout) == []


def test_wrapping_one_sdk_does_not_load_the_other() -> None:
    script = (
        "import sys\nfrom openai import OpenAI\nbare = set(sys.modules)\nimport tokeneff\n"
        "tokeneff.wrap(OpenAI(api_key='k', base_url='http://127.0.0.1:1/v1')).chat\n"
        # httpx loads rich by itself where it finds what its command line needs.
        "print([name for name in ('anthropic', 'rich', 'opentelemetry.sdk') if name in set(sys.modules) - bare])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)

    assert done.stdout.split() == ["[]"]


# Importing any part of httpx2 takes long here, which gives whoever looks at it halfway the time to do so.
SLOWLY = """
import sys, time
class Slow:
    def find_spec(self, name, path=None, target=None):
        if name.startswith("httpx2."):
            time.sleep(0.02)
sys.meta_path.insert(0, Slow())
import ssl
ssl.SSLContext.load_verify_locations = lambda *args, **named: None
import openai, tokeneff
from opentelemetry.sdk.trace import TracerProvider
told = dict(api_key="k", base_url="http://127.0.0.1:1/v1")
tokeneff.wrap(openai.OpenAI(**told), tracer_provider=TracerProvider())
for _ in range(100):
    tokeneff.wrap(openai.AsyncOpenAI(http_client=openai.DefaultAsyncHttpxClient(), **told))
    time.sleep(0.01)
"""


def test_clients_may_be_constructed_while_prices_are_loaded() -> None:
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", SLOWLY], capture_output=True, text=True, timeout=60)

    assert (done.returncode, done.stderr) == (0, "")


def test_all_is_sorted_and_there() -> None:
    assert list(tokeneff.__all__) == sorted(tokeneff.__all__)
    assert {name for name in tokeneff.__all__ if not hasattr(tokeneff, name)} == set()
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = tokeneff.nonsense  # type: ignore[attr-defined]


CALLED = sorted(name for name in tokeneff.__all__ if inspect.isroutine(getattr(tokeneff, name)) or name == "tag")


@pytest.mark.parametrize("name", CALLED)
def test_what_is_called_says_what_it_gives_and_shows_it(name: str) -> None:
    doc = inspect.getdoc(getattr(tokeneff, name)) or ""
    first = doc.partition("\n")[0]

    assert len(first) <= 120
    assert first.endswith((".", ":"))
    assert f"tokeneff.{name}(" in doc or f"{name}(" in doc.partition("\n")[2], "there is no example"


@pytest.mark.parametrize("name", sorted(set(tokeneff.__all__) - set(CALLED) - {"__version__"}))
def test_what_is_a_value_or_an_error_says_what_it_is(name: str) -> None:
    doc = inspect.getdoc(getattr(tokeneff, name)) or ""

    assert doc.split("\n\n")[0].split("\nErrors")[0].strip().endswith((".", ":"))
    assert not doc.startswith(f"{name}("), "that is the signature that dataclasses write"
