"""Names of attributes and instruments.

The GenAI conventions moved out of the packages that OpenTelemetry releases, so their names are constants of our own.
Source: open-telemetry/semantic-conventions-genai, main line of November 2026; all of it is in Development.
"""

from __future__ import annotations

OPERATION = "gen_ai.operation.name"
PROVIDER = "gen_ai.provider.name"
REQUEST_MODEL = "gen_ai.request.model"
REQUEST_STREAM = "gen_ai.request.stream"
RESPONSE_MODEL = "gen_ai.response.model"
RESPONSE_ID = "gen_ai.response.id"
FINISH_REASONS = "gen_ai.response.finish_reasons"
FIRST_CHUNK = "gen_ai.response.time_to_first_chunk"
CONVERSATION = "gen_ai.conversation.id"
OUTPUT_TYPE = "gen_ai.output.type"
SERVER_ADDRESS = "server.address"
SERVER_PORT = "server.port"
ERROR_TYPE = "error.type"
HTTP_STATUS = "http.response.status_code"
RESEND_COUNT = "http.request.resend_count"
USER = "user.id"
TOKEN_TYPE = "gen_ai.token.type"
TOKEN_MODALITY = "gen_ai.token.modality"
OUTPUT_MESSAGES = "gen_ai.output.messages"
API_TYPE = "openai.api.type"
SERVICE_TIER = "openai.response.service_tier"
FINGERPRINT = "openai.response.system_fingerprint"
ANTHROPIC_TIER = "anthropic.response.service_tier"

INPUT_TOKENS = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS = "gen_ai.usage.output_tokens"
USAGE_PARTS: tuple[tuple[str, str], ...] = (
    ("cache_read", "gen_ai.usage.cache_read.input_tokens"),
    ("cache_write", "gen_ai.usage.cache_write.input_tokens"),
    ("reasoning", "gen_ai.usage.reasoning.output_tokens"),
    ("text_input", "gen_ai.usage.text.input_tokens"),
    ("image_input", "gen_ai.usage.image.input_tokens"),
    ("audio_input", "gen_ai.usage.audio.input_tokens"),
    ("text_output", "gen_ai.usage.text.output_tokens"),
    ("image_output", "gen_ai.usage.image.output_tokens"),
    ("audio_output", "gen_ai.usage.audio.output_tokens"),
    ("text_cache_read", "gen_ai.usage.text.cache_read.input_tokens"),
    ("image_cache_read", "gen_ai.usage.image.cache_read.input_tokens"),
    ("audio_cache_read", "gen_ai.usage.audio.cache_read.input_tokens"),
)

# Ours.
SOURCE = "tokeneff.usage.source"
INPUT_SOURCE = "tokeneff.usage.input_source"
OUTPUT_SOURCE = "tokeneff.usage.output_source"
ENDING = "tokeneff.ending"
STREAM_SECONDS = "tokeneff.stream.duration"
STREAM_CHUNKS = "tokeneff.stream.chunks"
SPEED = "tokeneff.output_tokens_per_second"
TAG = "tokeneff.tag."
COST_METRIC = "tokeneff.client.cost"
COST_USD = "tokeneff.cost.usd"
COST_CONFIDENCE = "tokeneff.cost.confidence"
ATTEMPT_EVENT = "tokeneff.attempt"
ATTEMPT_DELAY = "tokeneff.retry.delay"
UNPRICED_METRIC = "tokeneff.client.unpriced_calls"
LOST_METRIC = "tokeneff.client.lost_tokens"
PREFIX_CAUSE = "tokeneff.prefix.cause"

BUDGET_PREFIX = "tokeneff.budget."
"""Before the name of an event."""
BUDGET_NAME = "tokeneff.budget.name"
BUDGET_SCOPE = "tokeneff.budget.scope"
BUDGET_UNIT = "tokeneff.budget.unit"
BUDGET_LIMIT = "tokeneff.budget.limit"
BUDGET_SPENT = "tokeneff.budget.spent"
BUDGET_HELD = "tokeneff.budget.held"
BUDGET_REMAINING = "tokeneff.budget.remaining"
BUDGET_ACTION = "tokeneff.budget.action"
BUDGET_REFUSALS = "tokeneff.budget.refusals"

CACHE_OUTCOME = "tokeneff.cache.outcome"
"""hit, shared, stale, semantic, miss, refresh, bypass"""
CACHE_AGE = "tokeneff.cache.age"
"""Seconds."""
CACHE_KEY = "tokeneff.cache.key"
CACHE_WHY = "tokeneff.cache.why"
CACHE_SAVED_INPUT = "tokeneff.cache.saved.input_tokens"
CACHE_SAVED_OUTPUT = "tokeneff.cache.saved.output_tokens"
CACHE_SAVED_USD = "tokeneff.cache.saved.cost_usd"
CACHE_SAVED_SECONDS = "tokeneff.cache.saved.seconds"
PLACED_OUTCOME = "tokeneff.prompt_cache.outcome"
"""placed, refused"""
PLACED_ADDED = "tokeneff.prompt_cache.added"
PLACED_MARKS = "tokeneff.prompt_cache.breakpoints"
PLACED_USD = "tokeneff.prompt_cache.saved.cost_usd"
"""Negative where more was written than read."""
PLACED_METRIC = "tokeneff.prompt_cache.saved.cost"
CACHE_CALLS_METRIC = "tokeneff.cache.calls"
CACHE_SAVED_METRIC = "tokeneff.cache.saved.cost"
CACHE_SAVED_TOKENS_METRIC = "tokeneff.cache.saved.tokens"

TRIM_OUTCOME = "tokeneff.trim.outcome"
"""trimmed, whole, held out, refused"""
TRIM_CONVERSATION = "tokeneff.trim.conversation"
"""A digest; of what is trimmed or held out as a whole."""
TRIM_KINDS = "tokeneff.trim.kinds"
TRIM_EDITS = "tokeneff.trim.edits"
"""How many edits, of each of the kinds."""
TRIM_TEXTS = "tokeneff.trim.texts"
TRIM_TOKENS = "tokeneff.trim.saved.input_tokens"
TRIM_TOKENS_SOURCE = "tokeneff.trim.saved.input_tokens.source"
"""provider, estimated"""
TRIM_GAIN = "tokeneff.trim.predicted.conversation_usd"
"""What the conversation is expected to cost less for what was decided with this call."""
TRIM_EXPECTED = "tokeneff.trim.predicted.cost_usd"
TRIM_REALISED = "tokeneff.trim.saved.cost_usd"
"""Negative where the call was dearer than it would have been."""
TRIM_UNTRIMMED = "tokeneff.trim.untrimmed.cost_usd"
TRIM_PROOF = "tokeneff.trim.saved.source"
"""provider, simulated"""
TRIM_KIND = "tokeneff.trim.kind"
TRIM_CALLS_METRIC = "tokeneff.trim.calls"
TRIM_EDITS_METRIC = "tokeneff.trim.edits"
TRIM_TOKENS_METRIC = "tokeneff.trim.saved.tokens"
TRIM_REALISED_METRIC = "tokeneff.trim.saved.cost"
TRIM_EXPECTED_METRIC = "tokeneff.trim.predicted.cost"

OUTPUT_DEFAULTS = "tokeneff.output.defaults"
"""What was set that the caller had left open, as ``max_tokens=400``."""
OUTPUT_REFUSED = "tokeneff.output.refused"
"""Of these, what the provider did not take."""
OUTPUT_REPEATED = "tokeneff.output.repeated"
"""text, reasoning, tool call: in what a stream said the same over and over, for which it was cut"""

SECONDS_BUCKETS: tuple[float, ...] = tuple(0.01 * 2**n for n in range(14))
TOKEN_BUCKETS: tuple[float, ...] = tuple(4**n for n in range(14))
