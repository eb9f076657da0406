"""Which endpoint a path means, in whatever place it is mounted."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from tokeneff.testing import (
    anthropic_messages,
    anthropic_other,
    clouds,
    files,
    listing,
    openai_batches,
    openai_chat,
    openai_embeddings,
    openai_legacy,
    openai_media,
    openai_responses,
)
from tokeneff.testing.answers import Answer, Frame, Json
from tokeneff.testing.errors import error_answer, error_body, error_frame
from tokeneff.testing.faults import Failure
from tokeneff.testing.turn import Turn

Render = Callable[[Turn], Answer]


@dataclass(frozen=True, slots=True)
class Route:
    """An endpoint: whose dialect it speaks, what renders it, what the path settles."""

    dialect: str
    render: Render
    params: tuple[str, ...] = ()
    azure: bool = False
    binary: bool = False
    streamed: bool | None = None

    def payload(self, given: Json) -> Json:
        """The request's JSON, with what the path adds to it."""
        return given if self.streamed is None else clouds.payload(given, self.params, stream=self.streamed)

    def error_frame(self, failure: Failure, turn: Turn, sent: int) -> Frame:
        """The error as the last event of this endpoint's stream."""
        if self.render is clouds.bedrock:
            return clouds.exception(error_body(failure, turn.dialect, turn.request_id)["error"]["message"])
        return error_frame(failure, turn.dialect, turn.request_id, sent)


_ID = r"/([^/]+)"

# (method, end of the path, dialect, renderer). Ends only: /v1, /openai/deployments/X, /v1beta/openai… come before.
_ENDS: list[tuple[str, str, str, Render]] = [
    ("POST", "/chat/completions", "openai", openai_chat.chat),
    ("POST", "/completions", "openai", openai_legacy.complete),
    ("POST", "/responses", "responses", openai_responses.create),
    ("POST", "/responses/input_tokens", "responses", openai_responses.input_tokens),
    ("POST", f"/responses{_ID}/cancel", "responses", openai_responses.cancel),
    ("GET", f"/responses{_ID}/input_items", "responses", openai_responses.input_items),
    ("GET", f"/responses{_ID}", "responses", openai_responses.retrieve),
    ("DELETE", f"/responses{_ID}", "responses", openai_responses.delete),
    ("POST", "/embeddings", "openai", openai_embeddings.embeddings),
    ("POST", "/moderations", "openai", openai_embeddings.moderations),
    ("POST", "/images/(generations|edits|variations)", "openai", openai_media.images),
    ("POST", "/audio/speech", "openai", openai_media.speech),
    ("POST", "/audio/(transcriptions|translations)", "openai", openai_media.transcriptions),
    ("POST", "/messages", "anthropic", anthropic_messages.create),
    ("POST", "/messages/count_tokens", "anthropic", anthropic_other.count_tokens),
    ("POST", "/messages/batches", "anthropic", anthropic_other.create_batch),
    ("GET", "/messages/batches", "anthropic", anthropic_other.list_batches),
    ("GET", f"/messages/batches{_ID}/results", "anthropic", anthropic_other.batch_results),
    ("GET", f"/messages/batches{_ID}", "anthropic", anthropic_other.retrieve_batch),
    ("DELETE", f"/messages/batches{_ID}", "anthropic", anthropic_other.delete_batch),
    ("POST", f"/messages/batches{_ID}/cancel", "anthropic", anthropic_other.cancel_batch),
    ("POST", "/v1/complete", "anthropic", anthropic_other.complete),
    ("POST", "/models/([^/:]+):(?:rawP|streamRawP)redict", "anthropic", clouds.vertex),
    ("POST", f"/model{_ID}/invoke(?:-with-response-stream)?", "anthropic", clouds.bedrock),
    ("POST", "/batches", "openai", openai_batches.create),
    ("GET", "/batches", "openai", openai_batches.listed),
    ("GET", f"/batches{_ID}", "openai", openai_batches.retrieve),
    ("POST", f"/batches{_ID}/cancel", "openai", openai_batches.cancel),
    ("POST", "/files", "either", files.upload),
    ("GET", "/files", "either", files.listed),
    ("GET", f"/files{_ID}/content", "either", files.contents),
    ("GET", f"/files{_ID}", "either", files.described),
    ("DELETE", f"/files{_ID}", "either", files.delete),
    ("GET", "/models", "either", listing.models),
    ("GET", "/models/(.+)", "either", listing.one_model),
    ("DELETE", "/models/(.+)", "openai", listing.delete_model),
]
_TABLE = [(method, re.compile(end + "/?$"), dialect, render) for method, end, dialect, render in _ENDS]
_USE_DATA = {openai_media.images, openai_media.speech, files.contents}
_CLOUDS = {clouds.vertex, clouds.bedrock}
_AZURE = re.compile(r"/openai/deployments/[^/]+/")


def unknown(turn: Turn) -> Answer:
    """404, as each provider says it."""
    request = turn.request
    failure = Failure("bad_request", f"Unknown request URL: {request.method} {request.path}.", 404, "unknown_url")
    return error_answer(failure, turn.dialect, turn.request_id, turn.headers())


@lru_cache(maxsize=1024)
def find_route(method: str, path: str) -> Route:
    """The endpoint of `path`; one that answers 404 where there is none."""
    for wanted, end, dialect, render in _TABLE:
        if wanted == method and (match := end.search(path)):
            azure = dialect != "anthropic" and bool(_AZURE.search(path))
            streamed = "stream" in path[match.start() :] if render in _CLOUDS else None
            return Route(dialect, render, match.groups(), azure, render in _USE_DATA, streamed)
    return Route("either", unknown)
