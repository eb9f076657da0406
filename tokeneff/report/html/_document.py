"""The page around the report: one file that asks for nothing and may run nothing but its own script."""

from __future__ import annotations

import json
from base64 import b64encode
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any, cast

from tokeneff._plain import plain
from tokeneff.report.html._markup import Child, Markup, tag, visible

_SCRIPTS = ("base.js", "axis.js", "chart.js", "table.js", "main.js")


def document(title: str, body: Child, data: Any) -> str:
    """A whole page.

    Args:
        title: of the browser's tab.
        body: what is read without the script, too.
        data: what the script draws, as plain JSON types.
    """
    style, script = _style(), _script()
    policy = (
        f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; base-uri 'none'; form-action 'none'"
    )
    head = (
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("title", title),
        tag("style", style),
    )
    end = (tag("script", _embedded(data), type="application/json", id="data"), tag("script", script))
    page = tag("html", tag("head", head), "\n", tag("body", body, "\n", end), lang="en")
    return f"<!doctype html>\n{page}\n"


def _embedded(data: Any) -> Markup:
    """JSON that neither ends the element it stands in nor begins another."""
    written = json.dumps(_sound(plain(data)), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for unsafe in "<>&\u2028\u2029":
        written = written.replace(unsafe, f"\\u{ord(unsafe):04x}")
    return Markup(written)


def _sound(data: Any) -> Any:
    if isinstance(data, str):
        return visible(data)
    if isinstance(data, list):
        return [_sound(item) for item in cast("list[Any]", data)]
    if isinstance(data, dict):
        return {visible(name): _sound(item) for name, item in cast("dict[str, Any]", data).items()}
    return data


@cache
def _style() -> Markup:
    return Markup(_read("page.css"))


@cache
def _script() -> Markup:
    return Markup('"use strict";\n(() => {\n' + "\n".join(_read(name) for name in _SCRIPTS) + "})();\n")


def _read(name: str) -> str:
    # Line ends as a browser sees them, or the hash is another's.
    return files("tokeneff.report.html").joinpath("page", name).read_text(encoding="utf-8").replace("\r\n", "\n")


def _hash(content: str) -> str:
    return f"'sha256-{b64encode(sha256(content.encode()).digest()).decode()}'"
