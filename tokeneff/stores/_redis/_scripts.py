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
    return script_of("tokeneff.stores._redis", *_SHARED, name)


@cache
def script_of(package: str, *parts: str) -> Script:
    """One script of several files of a package."""
    text = "\n".join(files(package).joinpath(f"{part}.lua").read_text("utf-8") for part in parts)
    return Script(text, sha1(text.encode(), usedforsecurity=False).hexdigest())
