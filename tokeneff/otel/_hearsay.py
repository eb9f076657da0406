"""What an exporter's troubles were: it tells its caller only "failed", and logs a line for each retry of each batch."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from requests import Session


class Heard(threading.local):
    """The cause of the trouble, as far as this thread's running export has met one."""

    active = False
    reason: str | None = None
    redirected = False

    def told(self, error: BaseException) -> str:
        while (inner := error.__cause__ or error.__context__) is not None:
            error = inner  # requests and urllib3 wrap the socket's own error in four of theirs
        self.reason = f"{type(error).__name__}: {error}"
        return self.reason


_heard = Heard()


@contextmanager
def listening() -> Generator[Heard]:
    """Keep the exporter's warnings of this thread out of the log meanwhile, and remember the cause."""
    _heard.active, _heard.reason, _heard.redirected = True, None, False
    try:
        yield _heard
    finally:
        _heard.active = False


def listen_to(logger: str) -> None:
    logging.getLogger(logger).addFilter(_overhear)  # the same one twice counts once


def _overhear(record: logging.LogRecord) -> bool:
    if not _heard.active or record.levelno < logging.WARNING:
        return True
    _heard.reason = _heard.reason or record.getMessage()
    return False


def session(kind: str) -> Session | None:
    """A session that notes what went wrong; ``None`` where a credential provider is named, which brings its own."""
    names = ("OTEL_PYTHON_EXPORTER_OTLP_HTTP_", f"OTEL_PYTHON_EXPORTER_OTLP_HTTP_{kind.upper()}_")
    if any(os.environ.get(f"{name}CREDENTIAL_PROVIDER") for name in names):
        return None
    import requests

    class Noting(requests.Session):
        def request(self, *args: Any, **kwargs: Any) -> requests.Response:
            try:
                response = super().request(*args, **kwargs)
            except Exception as error:
                _heard.told(error)
                raise
            _heard.reason = f"HTTP {response.status_code} {response.reason}"
            _heard.redirected = response.is_redirect  # the exporter takes a redirection for an arrival
            return response

    return Noting()
