"""Recorded conversations, read as the requests that were sent and the replies that came."""

from __future__ import annotations

from ._reader import read, tools_beside
from ._values import BrokenLine, Conversation, RecordedCall, RecordedReply, RecordedToolCall, RecordedUsage

__all__ = [
    "BrokenLine",
    "Conversation",
    "RecordedCall",
    "RecordedReply",
    "RecordedToolCall",
    "RecordedUsage",
    "read",
    "tools_beside",
]
