"""Phoenix's own API: what it tells of a replay that was sent to it by OTLP."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from backends_replay import OWN, Sent, send, until

import tokeneff

_SPAN = """
    startTime name userId metadata tokenCountPrompt tokenCountCompletion tokenCountTotal
    tokenPromptDetails { cacheRead cacheWrite }
    input { value } output { value }
    costDetailSummaryEntries { tokenType value { tokens } }
"""
_QUERY = f"""
query ($project: ID!) {{ node(id: $project) {{ ... on Project {{
    traceCount tokenCountPrompt tokenCountCompletion tokenCountTotal
    sessions(first: 100) {{ edges {{ node {{
        sessionId userId numTraces tokenUsage {{ prompt completion total }}
    }} }} }}
    spans(first: 100) {{ edges {{ node {{ {_SPAN} }} }} }}
}} }} }}
"""


@dataclass(frozen=True, slots=True)
class Shown:
    """What was sent, and what Phoenix shows of it; calls and spans in the order they were made."""

    compat: str | None
    sent: list[Sent]
    usages: list[tokeneff.Usage]
    project: dict[str, Any]
    spans: list[dict[str, Any]]
    attributes: list[dict[str, Any]]


def show(url: str, compat: Any, path: Path) -> Shown:
    name = f"replay-{uuid.uuid4().hex}"
    # A session belongs to the first project that it is seen in; its name begins with this one's.
    sent, usages = send(path, name, compat, url, resource={"openinference.project.name": name})
    with httpx.Client(base_url=url, timeout=60, trust_env=False) as http:

        def ask() -> dict[str, Any] | None:
            found = http.get(f"/v1/projects/{name}")
            if found.status_code == 404:
                return None
            variables = {"project": found.json()["data"]["id"]}
            answer = http.post("/graphql", json={"query": _QUERY, "variables": variables}).json()
            assert "errors" not in answer, answer
            return answer["data"]["node"]

        project = until(ask, lambda project: project is not None and complete(project, len(sent), path == OWN))
        assert project is not None, "Phoenix has no such project"
        raw = http.get(f"/v1/projects/{name}/spans", params={"limit": 100}).json()["data"]
    spans = sorted((edge["node"] for edge in project.pop("spans")["edges"]), key=lambda span: span["startTime"])
    attributes = [span["attributes"] for span in sorted(raw, key=lambda span: span["start_time"])]
    return Shown(compat, sent, usages, project, spans, attributes)


def complete(project: dict[str, Any], calls: int, priced: bool) -> bool:
    """Whether all is there; spans are priced some time after they are stored."""
    spans = [edge["node"] for edge in project["spans"]["edges"]]
    return len(spans) >= calls and (not priced or all(span["costDetailSummaryEntries"] for span in spans))


def messages(attributes: dict[str, Any], side: str) -> list[dict[str, Any]]:
    """The messages of one side, each as its attributes are named within it."""
    found: dict[int, dict[str, Any]] = {}
    for key, value in attributes.items():
        if key.startswith(f"llm.{side}_messages."):
            number, _, rest = key.removeprefix(f"llm.{side}_messages.").partition(".message.")
            if rest != "finish_reason":
                found.setdefault(int(number), {})[rest] = value
    return [found[number] for number in sorted(found)]


def compact(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without the blanks that Phoenix writes into JSON."""
    return [{key: text.replace('": ', '":').replace(', "', ',"') for key, text in each.items()} for each in found]
