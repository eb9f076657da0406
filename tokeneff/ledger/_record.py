"""What the ledger keeps of a call."""

from __future__ import annotations

from typing import NamedTuple


class CallRecord(NamedTuple):
    """One settled call. Tokens are the provider's unless ``usage_source`` says otherwise; money is in nano-dollars.

    ``None`` is "not known"; it is never written as 0.
    """

    call_id: str
    """Unique; of calls read from other programs' logs it is made from the response id, so that none counts twice."""
    time: int
    """When it began, in microseconds since 1970."""
    duration: int | None = None
    """Microseconds until it was over, retries included."""
    first_chunk: int | None = None
    """Microseconds until the first chunk, of streams."""
    operation: str = "chat"
    sdk: str = ""
    provider: str = ""
    endpoint: str = ""
    """Host name, with the port if it is not the scheme's own."""
    request_model: str = ""
    model: str = ""
    """The model that answered, else the one that was asked for."""
    service_tier: str = ""
    session: str = ""
    response_id: str = ""
    stream: bool = False
    ending: str = "read"
    """read, broken_off, dropped, cancelled, failed, refused"""
    error: str = ""
    status: int | None = None
    finish: str = ""
    """Finish reasons, joined by commas."""
    retries: int = 0
    chunks: int = 0
    usage_source: str = "unknown"
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read: int | None = None
    cache_write: int | None = None
    cache_write_1h: int | None = None
    reasoning: int | None = None
    image_input: int | None = None
    audio_input: int | None = None
    audio_output: int | None = None
    in_system: int | None = None
    in_tools: int | None = None
    in_user_history: int | None = None
    in_assistant_history: int | None = None
    in_tool_results: int | None = None
    in_attached: int | None = None
    in_user: int | None = None
    out_text: int | None = None
    out_reasoning: int | None = None
    out_tool_calls: int | None = None
    counted: int | None = None
    expected_error: float | None = None
    scale: float | None = None
    encoding: str = ""
    cost: int | None = None
    cost_input: int | None = None
    cost_cache_read: int | None = None
    cost_cache_write: int | None = None
    cost_output: int | None = None
    price_source: str = "unknown"
    price_version: str = ""
    price_confidence: str = "unknown"
    prefix_repeated: int | None = None
    prefix_cause: str = ""
    prefix_part: str = ""
    prefix_position: int | None = None
    prefix_detail: str = ""
    prefix_lost: int = 0
    prefix_cost: int | None = None
    stale_tokens: int = 0
    toolset: str = ""
    """Digest of the tool schemas sent; what they are is kept once, under it."""
    tools: tuple[tuple[str, int], ...] = ()
    """The tool schemas sent: name, tokens."""
    called: tuple[str, ...] = ()
    request_hash: str = ""
    system_hash: str = ""
    tags: tuple[tuple[str, str], ...] = ()
    """Names and values of tags, as text, in order of name."""
    decisions: tuple[tuple[str, str, int | None], ...] = ()
    """What policies decided: policy, decision, nano-dollars saved (``None``: not known)."""
    content: str | None = None
    """JSON of the messages, masked; only where the ledger was asked to keep content."""
    trim: str = ""
    """trimmed, whole, held out, refused; empty where nobody looked at it for trimming"""
    trim_conversation: str = ""
    """Digest; what is trimmed, or held out, as a whole."""
    trim_edits: tuple[tuple[str, int], ...] = ()
    """Edits that it was sent with: kind, how many."""
    trim_texts: int = 0
    """Texts that it was sent with made shorter."""
    trim_tokens: int | None = None
    """Input tokens that were removed."""
    trim_tokens_source: str = ""
    """provider, estimated"""
    trim_gain: int | None = None
    """What the conversation was expected to cost less for what was decided with this call."""
    trim_expected: int | None = None
    """What the call was expected to cost less."""
    trim_realised: int | None = None
    """What it did cost less: ``trim_untrimmed``, less what its input cost by the provider's counts and what summaries
    for it did."""
    trim_untrimmed: int | None = None
    """What its input would have cost untrimmed."""
    trim_source: str = ""
    """provider: ``trim_realised`` follows from the provider's counts; simulated: from these, and from a simulation of
    what the prompt cache would have held of the untrimmed conversation"""
    trim_baseline: int | None = None
    """What its input would have cost untrimmed by simulation alone, found alike for what is held out."""


def unbilled(record: CallRecord) -> CallRecord:
    """The same record; of a call that was refused, by a policy or with an HTTP error, with its cost, which is none.

    Providers bill what they answer: OpenAI and Anthropic name no charge for a request that ends in a 4xx or 5xx. A call
    that failed without such an answer (a lost connection, a timeout) may have been billed, and stays not known.
    """
    status = record.status
    answered = record.ending == "failed" and status is not None and status >= 400 and record.input_tokens is None
    if not answered and record.ending != "refused":
        return record
    free = {"cost": 0, "cost_input": 0, "cost_cache_read": 0, "cost_cache_write": 0, "cost_output": 0}
    told = {"price_source": "provider", "price_version": "", "price_confidence": "listed", "usage_source": "provider"}
    return record._replace(input_tokens=0, output_tokens=0, **free, **told)
