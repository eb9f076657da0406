"""The scripts: what is sent is their digest, and their text only to a server that does not know them."""

from __future__ import annotations

from functools import cache
from hashlib import sha1
from importlib.resources import files
from typing import NamedTuple

_SHARED = ("_base", "_accounts", "_holds")


class Script(NamedTuple):
    """One step, as a server runs it."""

    text: str
    digest: str


@cache
def script(name: str) -> Script:
    """The script of a step, as ``reserve``."""
    text = "\n".join(_read(part) for part in (*_SHARED, name))
    return Script(text, sha1(text.encode(), usedforsecurity=False).hexdigest())


@cache
def _read(name: str) -> str:
    return files("tokeneff.stores._redis").joinpath(f"{name}.lua").read_text("utf-8")
