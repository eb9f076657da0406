from __future__ import annotations

from tokeneff.errors import TokeneffError


class OtelAlreadyConfigured(TokeneffError, RuntimeError):  # noqa: N818 - named as the other errors are
    """A global OpenTelemetry provider is there already, and OpenTelemetry lets nobody replace it; the text says what
    to do instead."""
