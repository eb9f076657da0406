"""A plain record for tests, also for those of them that run as processes of their own."""

from __future__ import annotations

from tokeneff.ledger import CallRecord


def call(number: int = 0, **changed: object) -> CallRecord:
    """A plain record."""
    made = CallRecord(
        call_id=f"{number:032x}",
        time=1_760_000_000_000_000 + number,
        duration=1_000_000,
        sdk="openai",
        provider="openai",
        endpoint="api.openai.com",
        request_model="gpt-5",
        model="gpt-5-2025-08-07",
        session=f"s{number % 7}",
        usage_source="provider",
        input_tokens=100 + number,
        output_tokens=10,
        cost=1_000,
        price_source="genai-prices",
        tools=(("find", 40),),
        toolset="ab",
        request_hash=f"{number:032x}",
        tags=(("feature", f"f{number % 3}"), ("user", "u")),
    )
    return made._replace(**changed)
