"""Each fault that was measured or reported of other caches' keys, by the name of who has it: none is ours.

Sources: the issue trackers of the projects named; the first ten of litellm were also measured (1.103.7).
"""

from __future__ import annotations

from typing import Any

import openai
from cache_key_kit import ASKED, chat, client, context, key, messages, responses, wrapped

SYSTEM = {"role": "system", "content": "Be brief."}


def test_litellm_40128_arguments_in_another_order_are_the_same_request() -> None:
    one = key(lambda c: c.chat.completions.create(model="m", messages=ASKED, temperature=0, user="u"))
    other = key(lambda c: c.chat.completions.create(user="u", temperature=0, messages=ASKED, model="m"))
    assert one == other


def test_litellm_members_of_a_message_in_another_order_are_the_same_request() -> None:
    assert key(chat(messages=[{"role": "user", "content": "Hi"}])) == key(
        chat(messages=[{"content": "Hi", "role": "user"}])
    )


def test_litellm_0_and_0_point_0_are_the_same_temperature() -> None:
    assert key(chat(temperature=0)) == key(chat(temperature=0.0)) != key(chat(temperature=0.1))


def test_litellm_505_another_extra_body_is_another_request() -> None:
    keys = [key(chat(extra_body={"guided_json": {"type": "object", "properties": {name: {}}}})) for name in ("a", "b")]
    assert len({*keys, key(chat())}) == 3


def test_litellm_another_api_base_is_another_request() -> None:
    one, other = client(base_url="https://a.example/v1"), client(base_url="https://b.example/v1")
    assert key(chat(), one) != key(chat(), other)


def test_litellm_29955_another_api_key_is_another_request() -> None:
    assert key(chat(), client(api_key="a")) != key(chat(), client(api_key="b"))
    assert key(chat(), client(api_key="a")) == key(chat(), client(api_key="a"))


def test_litellm_text_does_not_move_from_one_field_to_the_next() -> None:
    assert key(chat(stop="x", user="y")) != key(chat(stop="xuser: y"))
    assert key(chat(stop="x, user: y")) != key(chat(stop="x", user="y"))


def test_litellm_29955_19575_25447_another_tenant_is_another_request() -> None:
    one, other = (key(chat(), scope=(("tenant", name),)) for name in ("a", "b"))
    assert len({one, other, key(chat())}) == 3


def test_litellm_894_every_sampling_parameter_counts() -> None:
    fields: list[dict[str, Any]] = [
        {},
        {"logit_bias": {"1": 5}},
        {"max_tokens": 5},
        {"max_completion_tokens": 5},
        {"seed": 1},
        {"top_p": 0.5},
        {"n": 2},
        {"presence_penalty": 1},
        {"frequency_penalty": 1},
        {"logprobs": True},
        {"parallel_tool_calls": False},
        {"response_format": {"type": "json_object"}},
        {"service_tier": "flex"},
        {"reasoning_effort": "low"},
    ]
    assert len({key(chat(**field)) for field in fields}) == len(fields)


def test_litellm_25673_every_parameter_of_the_responses_api_counts() -> None:
    fields: list[dict[str, Any]] = [
        {},
        {"instructions": "Be brief."},
        {"max_output_tokens": 5},
        {"reasoning": {"effort": "low"}},
        {"text": {"verbosity": "low"}},
        {"tool_choice": "none"},
        {"truncation": "auto"},
        {"include": ["reasoning.encrypted_content"]},
        {"input": "Ho"},
        {"input": [{"role": "user", "content": "Hi"}]},
    ]
    assert len({key(responses(**field)) for field in fields}) == len(fields)


def test_litellm_5049_42400_what_only_one_provider_knows_counts() -> None:
    assert len({key(chat(extra_body={"options": {"num_ctx": size}})) for size in (2048, 8192)}) == 2
    assert len({key(messages(extra_body={"top_k": size}), client("anthropic")) for size in (1, 2)}) == 2


def test_gptcache_526_another_system_message_is_another_request() -> None:
    keys = {key(chat(messages=[{**SYSTEM, "content": text}, *ASKED])) for text in ("Be brief.", "Be long.")}
    assert len({*keys, key(chat())}) == 3


def test_instructor_2524_another_system_prompt_beside_the_messages_is_another_request() -> None:
    made = client("anthropic")
    assert (
        len({key(messages(system=text), made) for text in ("In French.", "In German.")} | {key(messages(), made)}) == 3
    )


def test_gptcache_527_another_model_is_another_request() -> None:
    assert key(chat(model="gpt-4.1")) != key(chat(model="gpt-4.1-mini"))


def test_gptcache_last_content_earlier_turns_and_tools_count() -> None:
    before = [{"role": "user", "content": "A"}, {"role": "assistant", "content": "B"}]
    tool = {"type": "function", "function": {"name": "f", "parameters": {}}}
    assert len({key(chat()), key(chat(messages=[*before, *ASKED])), key(chat(tools=[tool]))}) == 3
    # What is asked in the last turn alone is no context: what came before it is.
    first, second = context(chat()), context(chat(messages=[*before, *ASKED]))
    assert first is not None
    assert second is not None
    assert (first.question, second.question) == ("Hi", "Hi")
    assert first.key != second.key


def test_semantic_router_1448_2134_omniroute_3740_wso2_733_bifrost_5769_a_tenant_is_a_wall_for_questions_too() -> None:
    found = [context(chat(), scope=(("tenant", name),)) for name in ("a", "b")]
    assert len({context.key for context in found if context is not None}) == 2
    owners = [context(chat(), client(api_key=name)) for name in ("a", "b")]
    assert len({context.key for context in owners if context is not None}) == 2


def test_langchain_options_of_the_client_count() -> None:
    made = openai.OpenAI(api_key="k", base_url="https://host.example/v1")
    with_header = wrapped(made.with_options(default_headers={"OpenAI-Beta": "x=v2"}))
    with_query = wrapped(made.with_options(default_query={"api-version": "2"}))
    with_organisation = wrapped(made.with_options(organization="org"))
    with_project = wrapped(made.with_options(project="proj"))
    made = wrapped(made)
    assert len({key(chat(), one) for one in (made, with_header, with_query, with_organisation, with_project)}) == 5
