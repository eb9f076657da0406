"""What to send where: the arguments of ``configure_otel`` over the standard ``OTEL_*`` variables."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import SplitResult, urlsplit

from tokeneff._log import log_once
from tokeneff._masked import masked

Kind = Literal["traces", "metrics"]

EXIT_TIMEOUT = 0.75
"""Seconds: less than the second we promise, because the interpreter's own end comes on top."""

_DEFAULT_ENDPOINT = "http://localhost:4318"
_DEFAULT_TIMEOUT = 10.0


@dataclass(frozen=True, slots=True)
class Signal:
    """Where spans (or metrics) go and how often; times in seconds."""

    kind: Kind
    endpoint: str = field(repr=False)
    interval: float
    timeout: float
    place: str
    """The endpoint without user, password and query: fit to be shown and logged."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What ``configure_otel`` would do with the arguments and the environment as they are."""

    traces: Signal | None
    metrics: Signal | None
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    queue_size: int
    batch_size: int
    exit_timeout: float
    disabled: bool
    """Whether ``OTEL_SDK_DISABLED`` turns everything off."""


def resolve(
    endpoint: str | None = None,
    *,
    headers: Mapping[str, str] | None = None,
    traces: bool | None = None,
    metrics: bool | None = None,
    export_interval: float | None = None,
    timeout: float | None = None,
    queue_size: int | None = None,
    exit_timeout: float = EXIT_TIMEOUT,
) -> Settings:
    """What ``configure_otel`` would do with these arguments, without doing it; bad ones raise ``ValueError``."""
    size = int(_chosen("queue_size", queue_size, "OTEL_BSP_MAX_QUEUE_SIZE", 2048, whole=True))
    return Settings(
        traces=_signal("traces", endpoint, traces, export_interval, timeout),
        metrics=_signal("metrics", endpoint, metrics, export_interval, timeout),
        headers=_checked_headers(headers),
        queue_size=size,
        batch_size=min(size, int(_from_environment("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", 512, whole=True))),
        exit_timeout=_checked_number("exit_timeout", exit_timeout),
        disabled=os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true",
    )


def _signal(
    kind: Kind, endpoint: str | None, wanted: bool | None, interval: float | None, timeout: float | None
) -> Signal | None:
    named = os.environ.get(f"OTEL_{kind.upper()}_EXPORTER", "").strip().lower()
    if wanted is False or (wanted is None and named == "none"):
        return None
    delay, most, default = (
        ("OTEL_BSP_SCHEDULE_DELAY", "OTEL_BSP_EXPORT_TIMEOUT", 5_000)
        if kind == "traces"
        else ("OTEL_METRIC_EXPORT_INTERVAL", "OTEL_METRIC_EXPORT_TIMEOUT", 60_000)
    )
    if timeout is None:
        otlp = _from_environment("OTEL_EXPORTER_OTLP_TIMEOUT", _DEFAULT_TIMEOUT)
        timeout = _from_environment(f"OTEL_EXPORTER_OTLP_{kind.upper()}_TIMEOUT", otlp)
        timeout = min(timeout, _from_environment(most, 30_000) / 1000)
    url = _endpoint(kind, endpoint)
    parts = urlsplit(url)
    return Signal(
        kind=kind,
        endpoint=url,
        interval=_chosen("export_interval", interval, delay, default / 1000, unit=1000),
        timeout=_checked_number("timeout", timeout),
        place=parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl(),
    )


def _endpoint(kind: Kind, endpoint: object) -> str:
    if endpoint is not None:
        return _below(_checked_url(endpoint, "endpoint"), kind)
    own = f"OTEL_EXPORTER_OTLP_{kind.upper()}_ENDPOINT"
    protocol_of = (f"OTEL_EXPORTER_OTLP_{kind.upper()}_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
    for name in protocol_of:
        if os.environ.get(name, "").strip().lower() == "grpc":
            raise ValueError(
                f"{name}=grpc, but configure_otel speaks OTLP over HTTP only: set it to http/protobuf and point the "
                f"endpoint to the collector's HTTP port (usually 4318), or pass endpoint={_DEFAULT_ENDPOINT!r}"
            )
        if os.environ.get(name, "").strip():
            break
    if url := os.environ.get(own, "").strip():
        return _checked_url(url, own).geturl()
    if url := os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT", "").strip():
        return _below(_checked_url(url, "OTEL_EXPORTER_OTLP_ENDPOINT"), kind)
    return f"{_DEFAULT_ENDPOINT}/v1/{kind}"


def _below(base: SplitResult, kind: Kind) -> str:
    path = base.path.rstrip("/")
    for ending in ("/v1/traces", "/v1/metrics"):  # the address of one signal tells that of the other
        path = path.removesuffix(ending)
    return base._replace(path=f"{path}/v1/{kind}").geturl()


def _checked_url(value: object, source: str) -> SplitResult:
    if not isinstance(value, str):
        raise ValueError(f"{source} must be a URL as text, such as {_DEFAULT_ENDPOINT!r}, not {value!r}")
    text = value.strip()
    if "://" not in text:
        meant = masked(f"http://{text}") if text else _DEFAULT_ENDPOINT
        shown = meant.removeprefix("http://") if text else text
        raise ValueError(f"{source}={shown!r} has no scheme: write {meant!r} (or https://)")
    shown = masked(text)
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        why = "" if "@" in text else f" ({error})"  # it may quote a password
        raise ValueError(f"{source}={shown!r} is no URL{why}: write one such as {_DEFAULT_ENDPOINT!r}") from None
    if parts.scheme not in {"http", "https"}:
        raise ValueError(
            f"{source}={shown!r}: {parts.scheme}:// is not spoken, only OTLP over HTTP: "
            f"write http:// or https:// and the collector's HTTP port, such as {_DEFAULT_ENDPOINT!r}"
        )
    if not host or any(c.isspace() for c in text):
        raise ValueError(f"{source}={shown!r} names no host: write a URL such as {_DEFAULT_ENDPOINT!r}")
    return parts


def _checked_headers(headers: object) -> tuple[tuple[str, str], ...]:
    if headers is None:
        return ()
    example = 'such as {"authorization": "Bearer ..."}'
    if not isinstance(headers, Mapping):
        raise ValueError(f"headers must be a mapping of names to values, {example}, not {type(headers).__name__}")
    pairs: list[tuple[str, str]] = []
    for name, value in headers.items():  # pyright: ignore[reportUnknownVariableType]
        if not isinstance(name, str) or not isinstance(value, str):
            raise ValueError(f"headers: the name and the value of {name!r} must both be text, {example}")
        if not name.strip() or any(c in name + value for c in "\r\n\0"):
            raise ValueError(f"headers: {name!r} is empty, or it or its value holds a line break")
        pairs.append((name, value))
    return tuple(sorted(pairs))


def _chosen(
    argument: str, value: float | None, variable: str, default: float, *, unit: float = 1, whole: bool = False
) -> float:
    if value is not None:
        return _checked_number(argument, value, whole=whole)
    return _from_environment(variable, default * unit, whole=whole) / unit


def _checked_number(argument: str, value: object, *, whole: bool = False) -> float:
    kinds = int if whole else (int, float)
    if isinstance(value, bool) or not isinstance(value, kinds) or not 0 < value < math.inf:
        meant = "a whole number above 0" if whole else "a number of seconds above 0"
        raise ValueError(f"{argument} must be {meant}, not {value!r}")
    return value


def _from_environment(variable: str, default: float, *, whole: bool = False) -> float:
    text = os.environ.get(variable, "").strip()
    if not text:
        return default
    try:
        number = int(text) if whole else float(text)
        if not 0 < number < math.inf:
            raise ValueError
    except ValueError:  # the specification wants a warning here, not an end
        log_once(("otel", variable, text), "%s=%r is no number above 0; %g is used", variable, text, default)
        return default
    return number
