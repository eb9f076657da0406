"""Vocabularies that are on this machine already: tiktoken's cache, and the package of the ``offline`` extra."""

from __future__ import annotations

import base64
import hashlib
import os
import tempfile
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple, cast


class _Published(NamedTuple):
    size: int
    sha256: str
    """Of the vocabulary's file, as tiktoken checks it (``tiktoken_ext/openai_public.py``)."""
    pattern: str
    special: dict[str, int]


_PUBLISHED = {
    "o200k_base": _Published(
        199_998,
        "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
        "|".join(
            (
                r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
                r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
                r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
                r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
                r"\p{N}{1,3}",
                r" ?[^\s\p{L}\p{N}]+[\r\n/]*",
                r"\s*[\r\n]+",
                r"\s+(?!\S)",
                r"\s+",
            )
        ),
        {"<|endoftext|>": 199999, "<|endofprompt|>": 200018},
    ),
    "cl100k_base": _Published(
        100_256,
        "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
        r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$"
        r"|\s*[\r\n]|\s+(?!\S)|\s",
        {
            "<|endoftext|>": 100257,
            "<|fim_prefix|>": 100258,
            "<|fim_middle|>": 100259,
            "<|fim_suffix|>": 100260,
            "<|endofprompt|>": 100276,
        },
    ),
}


def cached(name: str) -> bool:
    """Whether tiktoken has this vocabulary's file in its cache, by its own rules of where that is."""
    folder = os.environ.get("TIKTOKEN_CACHE_DIR", os.environ.get("DATA_GYM_CACHE_DIR"))
    if folder is None:
        folder = str(Path(tempfile.gettempdir()) / "data-gym-cache")
    if not folder:
        return False
    address = f"https://openaipublic.blob.core.windows.net/encodings/{name}.tiktoken"
    file = Path(folder) / hashlib.sha1(address.encode(), usedforsecurity=False).hexdigest()
    with suppress(OSError):
        return file.is_file()
    return False


def packaged(name: str) -> Any:
    """tiktoken's own encoding, with the vocabulary out of the package of the ``offline`` extra; ``None`` without it.

    The package's bytes are used only if they make up the very file that OpenAI publishes, by its SHA-256, and it is
    tiktoken that counts: a count is exact or there is none.
    """
    published = _PUBLISHED.get(name)
    if published is None:
        return None
    try:
        source = import_module("quicktok").get_encoding(name)
        token = source.decode_single_token_bytes
        tokens = [cast("bytes", token(rank)) for rank in range(published.size)]
    except Exception:  # noqa: BLE001 - not installed, of another version, or without this vocabulary
        return None
    written = hashlib.sha256()
    for rank, found in enumerate(tokens):
        written.update(base64.b64encode(found) + b" %d\n" % rank)
    if written.hexdigest() != published.sha256:
        return None
    return import_module("tiktoken").Encoding(
        name=name,
        pat_str=published.pattern,
        mergeable_ranks={found: rank for rank, found in enumerate(tokens)},
        special_tokens=published.special,
    )
