"""The demo's agent: a small travel desk with two tools, a travel policy and three hotels."""

from __future__ import annotations

import json
from typing import Any

SYSTEM = "You are a travel desk. Use the tools; answer in two sentences at most."
QUESTION = "I must be in Lisbon on Friday before noon, from Berlin. Will I need an umbrella?"
ITINERARY = "Write my itinerary for that day in five short lines."
BUDGET = "May I book a flight of 212 euros and a hotel of 180 euros a night?"
CHANGE = "And if the hotel has no breakfast?"
LETTER = "Write a long, warm letter to my host in Lisbon."
HOTELS = ("Hotel Alfama", "Casa do Rio", "Pensão Graça")

TOOLS: list[dict[str, Any]] = [
    {
        "type": "function",
        "function": {
            "name": "search_flights",
            "description": "Flights between two cities on a day.",
            "parameters": {
                "type": "object",
                "properties": {
                    "origin": {"type": "string"},
                    "destination": {"type": "string"},
                    "day": {"type": "string"},
                },
                "required": ["origin", "destination", "day"],
            },
        },
    },
    {
        "type": "function",
        "function": {
            "name": "forecast",
            "description": "The weather in a city on a day.",
            "parameters": {
                "type": "object",
                "properties": {"city": {"type": "string"}, "day": {"type": "string"}},
                "required": ["city", "day"],
            },
        },
    },
]

# Long enough for providers to cache it, as the standing instructions of a real agent are.
POLICY = "Travel policy.\n" + "\n".join(
    f"{number}. {rule}"
    for number, rule in enumerate(
        (
            "Flights within Europe are booked in economy; the cheapest fare that arrives in time is to be taken.",
            "A hotel may cost up to 190 euros a night including breakfast; without breakfast, up to 170 euros.",
            "Trains are preferred wherever the whole journey takes less than six hours from door to door.",
            "Taxis are paid for between 22:00 and 06:00, and wherever luggage or health make them necessary.",
            "Receipts are handed in within ten days; what is missing is explained in a short note.",
        )
        * 12,
        start=1,
    )
)


def call_tool(name: str, arguments: str) -> str:
    """Return what a tool answers, as JSON text."""
    try:
        given = json.loads(arguments or "{}")
    except ValueError:
        return json.dumps({"error": "the arguments are not JSON"})
    if name == "search_flights":
        return json.dumps([{"flight": "TP 533", "leaves": "06:05", "arrives": "08:55", "euros": 212}])
    if name == "forecast":
        return json.dumps({"city": given.get("city"), "sky": "showers until ten, then sun", "celsius": 17})
    return json.dumps({"error": f"there is no tool {name}"})
