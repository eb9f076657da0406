"""Messages of the OpenAI dialects in the form of the GenAI conventions."""

from tokeneff.adapters.openai._content.chat import ChatContent
from tokeneff.adapters.openai._content.completion import CompletionContent, EmbeddingsContent
from tokeneff.adapters.openai._content.responses import ResponsesContent

__all__ = ["ChatContent", "CompletionContent", "EmbeddingsContent", "ResponsesContent"]
