"""What a URL of a Redis store says. A password in it is used, and never shown."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal, TypeAlias
from urllib.parse import parse_qsl, quote, unquote, urlencode

from tokeneff.errors import StoreError

Kind: TypeAlias = Literal["", "sentinel", "cluster"]

FORMS = (
    "redis://host:6379/0, rediss://… with TLS, redis+sentinel://host:26379,host:26379/service/0, "
    "or redis+cluster://host:6379,host:6379"
)
PREFIX = "tokeneff"
_PLAIN_PREFIX = re.compile(r"[\w.:-]{1,64}", re.ASCII)
_NUMBERS = frozenset(("db", "max_connections", "health_check_interval"))
_SWITCHES = frozenset(("ssl_check_hostname",))
_SECRETS = frozenset(("password", "ssl_password", "sentinel_password"))
_OF_TLS = ("ssl_ca_certs", "ssl_ca_path", "ssl_ca_data", "ssl_certfile", "ssl_keyfile", "ssl_cert_reqs", "ssl_ciphers")
_TEXTS = frozenset((*_OF_TLS, *_SECRETS, "username", "client_name", "sentinel_username"))


@dataclass(frozen=True)
class Place:
    """Where the server is, and how it is spoken to."""

    url: str
    """As it may be shown."""
    kind: Kind
    tls: bool
    hosts: tuple[tuple[str, int], ...]
    service: str
    """The name that sentinels know the server by."""
    prefix: str
    """What all keys begin with."""
    options: dict[str, object] = field(repr=False)
    """As redis-py calls them."""


def place(url: str) -> Place:
    """Read a URL.

    Raises:
        StoreError: it is none, or has an option that is not known; nothing of its password is in the text.
    """
    scheme, _, rest = url.partition("://")
    secure, _, kind = scheme.partition("+")
    if kind not in ("", "sentinel", "cluster") or secure not in ("redis", "rediss"):
        raise StoreError(f"there is no store of kind {scheme!r}: write {FORMS}")
    rest, _, query = rest.partition("?")
    address, _, path = rest.partition("/")
    login, _, hosts = address.rpartition("@")
    asked = parse_qsl(query, keep_blank_values=True)
    options = _login(login)
    prefix = PREFIX
    for name, value in asked:
        if name == "prefix":
            prefix = value
        else:
            options[name] = _option(name, value)
    if not _PLAIN_PREFIX.fullmatch(prefix):
        raise StoreError(f"prefix {prefix!r} of a store's URL: write up to 64 letters, digits, or . : _ -")
    service, db = _path(path, kind)
    if db:
        options["db"] = db
    safe = [(name, value) for name, value in asked if name not in _SECRETS]
    user = quote(str(options["username"])) + "@" if options.get("username") and login else ""
    shown = f"{scheme}://{user}{hosts}{'/' if path else ''}{path}{'?' if safe else ''}{urlencode(safe)}"
    default = 26379 if kind == "sentinel" else 6379
    found = tuple(_host(one, default) for one in hosts.split(","))
    if not kind and len(found) > 1:
        raise StoreError(f"{shown}: there are several hosts; write redis+cluster:// or redis+sentinel://")
    return Place(shown, kind, secure == "rediss", found, service, prefix, options)


def _login(login: str) -> dict[str, object]:
    user, _, password = login.partition(":")
    return {name: unquote(text) for name, text in (("username", user), ("password", password)) if text}


def _option(name: str, value: str) -> object:
    if name in _TEXTS:
        return value
    if name in _NUMBERS and value.isascii() and value.isdecimal():
        return int(value)
    if name in _SWITCHES and value.lower() in ("true", "false", "yes", "no", "1", "0"):
        return value.lower() in ("true", "yes", "1")
    if name in _NUMBERS | _SWITCHES:
        raise StoreError(f"option {name} of a store's URL: write {'a number' if name in _NUMBERS else 'true or false'}")
    known = ", ".join(sorted(_TEXTS | _NUMBERS | _SWITCHES | {"prefix"}))
    raise StoreError(f"a store's URL has no option {name!r}: there are {known}")


def _path(path: str, kind: Kind) -> tuple[str, int]:
    service, mark, db = path.strip("/").partition("/")
    if kind != "sentinel":
        service, mark, db = "", mark, service if not mark else path
    elif not service:
        raise StoreError("redis+sentinel:// names no service: write redis+sentinel://host:26379/service/0")
    if db and not (db.isascii() and db.isdecimal()):
        raise StoreError(f"a store's URL ends with the number of a database, as /0, and not with {db!r}")
    if kind == "cluster" and db and int(db):
        raise StoreError("a cluster has database 0 only: leave the number out")
    return unquote(service), int(db or 0)


def _host(text: str, default: int) -> tuple[str, int]:
    host, port = text, ""
    if not text.endswith("]") and ":" in text:
        host, _, port = text.rpartition(":")
    if port and not (port.isascii() and port.isdecimal() and int(port) < 65536):
        raise StoreError(f"a store's URL has a port that is no number: write {FORMS}")
    return unquote(host.strip("[]")) or "localhost", int(port or default)
