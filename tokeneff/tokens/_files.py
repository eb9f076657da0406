"""Tokenizers of other models, where their files are on this machine: named by the user, or in Hugging Face's cache."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from tokeneff._log import log_once
from tokeneff.tokens._vocabulary import Count

_FILE = "tokenizer.json"
_SAFE = re.compile(r"[\w.\-]+(?:/[\w.\-]+)?\Z")


class TokenizerFile(NamedTuple):
    """A file that Hugging Face's ``tokenizers`` reads."""

    label: str
    path: str


def tokenizer_file(model: str) -> TokenizerFile | None:
    """The tokenizer file of a model, if there is one; nothing is downloaded.

    ``TOKENEFF_TOKENIZERS`` is a folder, which has ``<model>.json`` or ``<model>/tokenizer.json``, or a list of
    ``model=path`` set apart by commas. Else a model of the form ``owner/name`` is looked for in the cache of Hugging
    Face's hub (``HF_HUB_CACHE``, ``HF_HOME``).
    """
    return _look_up(model, os.environ.get("TOKENEFF_TOKENIZERS", ""), _hub())


@lru_cache(maxsize=1000)
def _look_up(model: str, named: str, hub: str) -> TokenizerFile | None:
    with suppress(OSError, ValueError):
        found = _named(model, named) if named else None
        if found is None and _SAFE.match(model) and "/" in model:
            found = _cached(model, hub)
        return found
    return None


def _named(model: str, named: str) -> TokenizerFile | None:
    if "=" not in named:
        return _in_folder(model, Path(named))
    for entry in named.split(","):
        name, _, path = entry.partition("=")
        if name.strip() in (model, model.rsplit("/", 1)[-1]):
            file = Path(path.strip())
            file = file / _FILE if file.is_dir() else file
            if file.is_file():
                return TokenizerFile(name.strip(), str(file))
            log_once(("tokens.tokenizer", entry), "TOKENEFF_TOKENIZERS names %s, which is no file", file)
    return None


def _in_folder(model: str, folder: Path) -> TokenizerFile | None:
    if not _SAFE.match(model) or ".." in model:
        return None
    for name in (model, model.replace("/", "--"), model.rsplit("/", 1)[-1]):
        for file in (folder / f"{name}.json", folder / name / _FILE):
            if file.is_file():
                return TokenizerFile(name, str(file))
    return None


def _cached(model: str, hub: str) -> TokenizerFile | None:
    if ".." in model:
        return None
    files = sorted((Path(hub) / f"models--{model.replace('/', '--')}" / "snapshots").glob(f"*/{_FILE}"))
    return TokenizerFile(model, str(files[-1])) if files else None


def _hub() -> str:
    env = os.environ
    home = env.get("HF_HOME") or str(Path(env.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface")
    return str(Path(env.get("HF_HUB_CACHE") or Path(home) / "hub").expanduser())


def load_file(path: str) -> Count:
    """What counts by a tokenizer file; raises if the file is bad, or ``tokenizers`` (the extra) is missing."""
    encode: Any = import_module("tokenizers").Tokenizer.from_file(path).encode

    def count(text: str) -> int:
        return len(encode(text, add_special_tokens=False).ids)

    return count
