"""The arguments of `wrap()` and `install()`: the same ones, all of them told of, and checked."""

from __future__ import annotations

import inspect
from typing import Any

import openai
import pytest

import tokeneff
from tokeneff._settings import settings_of

KEYWORDS = [name for name in inspect.signature(tokeneff.wrap).parameters if name != "client"]


def client() -> openai.OpenAI:
    return openai.OpenAI(api_key="none", base_url="http://127.0.0.1:1")


def test_install_takes_what_wrap_does() -> None:
    first, *others = inspect.signature(tokeneff.wrap).parameters.values()
    assert (first.name, first.kind) == ("client", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    assert list(inspect.signature(tokeneff.install).parameters.values()) == others
    assert {(each.kind, each.default) for each in others} == {(inspect.Parameter.KEYWORD_ONLY, None)}


@pytest.mark.parametrize("name", KEYWORDS)
def test_each_is_told_of(name: str) -> None:
    told, short = inspect.getdoc(tokeneff.wrap) or "", inspect.getdoc(tokeneff.install) or ""
    assert f"\n    {name}: " in told
    assert name in short.partition("Args:")[2].replace(",", " ").replace(":", " ").split()


def test_what_was_given_is_known_and_nothing_else() -> None:
    given: dict[str, Any] = {"stream_usage": "off", "metric_tags": ("feature",), "ledger": False}
    assert settings_of(tokeneff.wrap(client(), mask=None, **given)).arguments == given
    assert settings_of(tokeneff.wrap(client())).arguments == {}


def test_names_may_come_one_by_one() -> None:
    wrapped = tokeneff.wrap(client(), metric_tags=(name for name in ("feature", "user")))
    again = tokeneff.wrap(wrapped, stream_usage="off")
    assert [settings_of(each).arguments["metric_tags"] for each in (wrapped, again)] == [("feature", "user")] * 2


@pytest.mark.parametrize(
    ("given", "kind", "said"),
    [
        ({"stream_usage": "on"}, ValueError, "stream_usage must be 'ask' or 'off', not 'on'"),
        ({"compat": "other"}, ValueError, "compat must be None or 'openinference', not 'other'"),
        ({"tracer_provider": 5}, TypeError, "tracer_provider must be an OpenTelemetry TracerProvider, not int"),
        ({"meter_provider": 5}, TypeError, "meter_provider must be an OpenTelemetry MeterProvider, not int"),
        ({"mask": "x"}, TypeError, "mask must be a function"),
        ({"metric_tags": "feature"}, TypeError, "metric_tags must be a tuple of tag names"),
        ({"metric_tags": (5,)}, TypeError, "metric_tags must be a tuple of tag names"),
        ({"metric_tags": 5}, TypeError, "metric_tags must be a tuple of tag names"),
    ],
)
def test_wrong_ones_are_told(given: dict[str, Any], kind: type[Exception], said: str) -> None:
    with pytest.raises(kind, match=said):
        tokeneff.wrap(client(), **given)


def test_those_of_another_version_are_told() -> None:
    with pytest.raises(TypeError, match=r"has no argument 'colour'; it takes tracer_provider, .*prices"):
        settings_of(tokeneff.wrap(client())).changed(colour="red")
