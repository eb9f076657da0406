"""What an account of a call says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, TypeAlias

from tokeneff.prices import Cost
from tokeneff.prices._cost import UNPRICED

Dialect: TypeAlias = Literal["chat", "responses", "messages", "completions", "embeddings"]
Cause: TypeAlias = Literal[
    "first",
    "none",
    "model_changed",
    "tools_changed",
    "tools_reordered",
    "system_changed",
    "edited",
    "shortened",
    "expired",
    "missed",
]
"""Why a prompt's cached prefix ended where it did.

``first``: no earlier request of this session is known; ``none``: everything before was repeated, or what was is still
there; ``edited``: an earlier message differs; ``shortened``: earlier messages are gone, or the provider left some out;
``expired``: the prefix is whole but older than the cache's life; ``missed``: the prefix is whole and young, and the
provider did not read it all the same.
"""


class Asked(NamedTuple):
    """One request, as both a live call and a recorded one can say it."""

    dialect: Dialect | None
    """``None``: no request of a model."""
    body: Mapping[str, Any]
    model: str
    """As asked for."""
    provider: str
    """``gen_ai.provider.name``."""
    host: str
    """Host name of the endpoint."""
    session: str | None
    """The caller's own name of the conversation, if there is one."""
    at: float
    """Seconds since 1970."""


class InputParts(NamedTuple):
    """Input tokens by what they were; they sum to the input total."""

    system: int = 0
    tools: int = 0
    user_history: int = 0
    """What users said in earlier turns."""
    assistant_history: int = 0
    """What the model said and called in earlier turns, reasoning included."""
    tool_results: int = 0
    attached: int = 0
    """Images, files, audio, documents, search results, in any message."""
    user: int = 0
    """What the user says now: after the last thing that the model said."""


class OutputParts(NamedTuple):
    """Output tokens by what they were; they sum to the output total."""

    text: int = 0
    reasoning: int = 0
    tool_calls: int = 0


class Prefix(NamedTuple):
    """How this request's prompt relates to its session's previous one. Counts are in the provider's tokens."""

    repeated: int
    """Tokens of the longest common prefix, in whole pieces, whether the provider read them from its cache or not; of
    a session's first request, with the latest request of another session that begins alike."""
    cause: Cause
    part: str | None = None
    """Where the prefix broke: ``tools``, ``system`` or ``messages``."""
    position: int | None = None
    """Index of the first differing piece within its part, from 0."""
    detail: str = ""
    """As ``system prompt differs at line 3: a timestamp``, never text of the prompt."""
    lost: int = 0
    """Tokens that were sent before, could have been read from the cache and were not, for this cause; 0 where the
    provider does not say what it read. It can be more than ``repeated``: what follows the break is paid for again."""
    cost: int | None = None
    """What that cost beyond a cached read, in nano-dollars; ``None`` where no price is known."""


class Account(NamedTuple):
    """What is known of one call's tokens and dollars when it is over."""

    cost: Cost = UNPRICED
    input: InputParts | None = None
    output: OutputParts | None = None
    scale: float | None = None
    """What our counts were multiplied with so that they sum to the provider's input total, what is ``unseen`` apart."""
    counted: int | None = None
    """Our count of the input before it was sent, with what was learnt applied; tokens."""
    expected_error: float | None = None
    """Expected relative error of ``counted``."""
    encoding: str = ""
    session: str | None = None
    """The caller's name of the session, else one that we gave it."""
    prefix: Prefix | None = None
    stale: int = 0
    """Tokens of tool results from earlier turns that nothing has referred to since."""
    tools: tuple[tuple[str, int], ...] = ()
    """Tool schemas that were sent: name, tokens."""
    toolset: str = ""
    """Digest of these, hexadecimal."""
    called: tuple[str, ...] = ()
    """Names of the tools that the reply calls."""
    request_hash: str = ""
    """Hexadecimal; equal exactly if the requests are."""
    system_hash: str = ""
    unknown: tuple[str, ...] = ()
    """Kinds of content that could not be counted; ``unseen``: the provider counted much that the request does not show
    (it is in ``system``, in ``attached`` where the provider runs tools, or in the history that it keeps)."""
