"""The tool that gives a model back what was left out, as the objects of tool runners and agent frameworks."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tokeneff.trim.recall._recall import Recall


def anthropic_runnable(tool: Recall, awaiting: bool) -> Any:
    """For Anthropic's tool runner: a ``BetaFunctionTool``, or a ``BetaAsyncFunctionTool``."""
    made: Any = import_module("anthropic")
    fetch, afetch = _functions(tool)
    told = tool.anthropic
    return made.beta_async_tool(**told)(afetch) if awaiting else made.beta_tool(**told)(fetch)


def openai_agents(tool: Recall) -> Any:
    """For the OpenAI Agents SDK: a ``FunctionTool``."""

    async def fetch(_context: Any, arguments: str) -> str:
        return await tool.acall(arguments)

    told = tool.responses
    return import_module("agents").FunctionTool(
        name=tool.name,
        description=told["description"],
        params_json_schema=told["parameters"],
        on_invoke_tool=fetch,
    )


def langchain(tool: Recall) -> Any:
    """For LangChain and LangGraph: a ``StructuredTool``."""
    fetch, afetch = _functions(tool)
    told = tool.responses
    return import_module("langchain_core.tools").StructuredTool.from_function(
        fetch, afetch, name=tool.name, description=told["description"], args_schema=told["parameters"]
    )


def pydantic_ai(tool: Recall) -> Any:
    """For PydanticAI: a ``Tool``."""
    _, afetch = _functions(tool)
    told = tool.responses
    return import_module("pydantic_ai").Tool.from_schema(afetch, tool.name, told["description"], told["parameters"])


def _functions(tool: Recall) -> tuple[Any, Any]:
    def fetch(**arguments: Any) -> str:
        return tool(arguments)

    async def afetch(**arguments: Any) -> str:
        return await tool.acall(arguments)

    return fetch, afetch
