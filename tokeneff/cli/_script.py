"""What the built-in provider answers in the demo."""

from __future__ import annotations

from tokeneff.cli import _desk as desk
from tokeneff.testing import Fault, RecordedRequest, Reply, ToolCall, Usage, faults

PLAN: tuple[Reply | Fault, ...] = (
    faults.slow_first_byte(
        0.3,
        Reply(
            tool_calls=(
                ToolCall("search_flights", {"origin": "Berlin", "destination": "Lisbon", "day": "Friday"}),
                ToolCall("forecast", {"city": "Lisbon", "day": "Friday"}),
            ),
            usage=Usage(input_tokens=1412, output_tokens=131, cache_read=1024, reasoning=64),
        ),
    ),
    faults.rate_limit(retry_after=0.05),
    faults.slow_first_byte(
        0.2,
        Reply(
            text="TP 533 lands at 08:55, for 212 euros. Take a small umbrella: it showers until ten.",
            usage=Usage(input_tokens=1603, output_tokens=58, cache_read=1408, reasoning=32),
        ),
    ),
)
ITINERARY: tuple[Reply | Fault, ...] = (
    faults.slow_chunks(
        0.012,
        faults.slow_first_byte(
            0.2,
            Reply(
                text="05:00 taxi\n06:05 TP 533 leaves\n08:55 Lisbon\n10:30 the sun comes out\n11:00 you are there",
                usage=Usage(input_tokens=1691, output_tokens=46, cache_read=1536),
            ),
        ),
    ),
)
POLICY: tuple[Reply | Fault, ...] = (
    faults.slow_first_byte(
        0.3,
        Reply(
            text="Yes: the fare is the cheapest in time, and 180 euros with breakfast is within the limit.",
            usage=Usage(input_tokens=2268, output_tokens=41, cache_write=2240),
        ),
    ),
    faults.slow_first_byte(
        0.15,
        Reply(
            text="Then no: without breakfast the limit is 170 euros.",
            usage=Usage(input_tokens=2329, output_tokens=18, cache_read=2240, cache_write=61),
        ),
    ),
)
LETTER: tuple[Reply | Fault, ...] = (
    faults.slow_chunks(
        0.015,
        Reply(
            text="Dear host, how glad I am to come to Lisbon again, and how well I remember " + "the river, " * 60,
            usage=Usage(input_tokens=63, output_tokens=214),
        ),
    ),
)


def hotel(request: RecordedRequest) -> Reply | Fault:
    """Answer by what was asked, since three requests come at once."""
    asked = str(request.json["messages"][-1]["content"])
    euros = next((90 + 35 * number for number, name in enumerate(desk.HOTELS) if name in asked), 0)
    text = f"{euros} euros a night, {'with' if euros > 100 else 'without'} breakfast."
    return faults.slow_first_byte(0.2, Reply(text=text, usage=Usage(input_tokens=48, output_tokens=12)))
