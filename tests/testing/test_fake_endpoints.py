"""The endpoints beside the talking ones, as the SDKs read them."""

from __future__ import annotations

import io
import json
from typing import Any

import anthropic
import openai
import pytest

from tokeneff.testing import FakeProvider, Reply, Usage, faults

USAGE = Usage(input_tokens=10, output_tokens=4, audio_input=6, image_input=3)


async def read(result: Any) -> bytes:
    """The bytes of a binary reply, sync or async."""
    content = result.read()
    return content if isinstance(content, bytes) else await content


async def test_embeddings(provider: FakeProvider, ask: Any) -> None:
    ask.client._strict_response_validation = False  # the SDK checks before it decodes the base64 it asked for
    many = await ask(lambda c: c.embeddings.create(model="e", input=["a", "b", "a"], dimensions=4))
    vectors = [one.embedding for one in many.data]
    assert [len(vector) for vector in vectors] == [4, 4, 4]
    assert vectors[0] == vectors[2] != vectors[1]
    assert sum(x * x for x in vectors[0]) == pytest.approx(1, abs=1e-4)
    assert many.usage.to_dict() == {"prompt_tokens": 1, "total_tokens": 1}
    packed = await ask(lambda c: c.embeddings.with_raw_response.create(model="e", input="a", dimensions=4))
    assert packed.http_response.json()["data"][0]["embedding"].endswith("==")
    plain = await ask(lambda c: c.embeddings.create(model="e", input="a", dimensions=4, encoding_format="float"))
    assert plain.data[0].embedding == pytest.approx(vectors[0])
    one = await ask(lambda c: c.embeddings.create(model="e", input=[1, 2, 3]))
    assert len(one.data) == 1
    provider.queue(Reply(embedding=[0.5, 0.25], usage=USAGE))
    own = await ask(lambda c: c.embeddings.create(model="e", input="a"))
    assert own.data[0].embedding == [0.5, 0.25]
    assert own.usage.prompt_tokens == 10


async def test_moderations(provider: FakeProvider, ask: Any) -> None:
    provider.queue(Reply(refusal="violent"))
    flagged = await ask(lambda c: c.moderations.create(input=["a", "b"]))
    fine = await ask(lambda c: c.moderations.create(input="a"))
    assert [one.flagged for one in flagged.results] == [True, True]
    assert flagged.results[0].categories.violence is True
    assert [one.flagged for one in fine.results] == [False]


async def test_images(provider: FakeProvider, ask: Any) -> None:
    provider.queue(Reply(data=b"png", usage=USAGE), "a cat", Reply(data=b"png", usage=USAGE))
    made = await ask(lambda c: c.images.generate(model="gpt-image-1", prompt="cat", n=2, size="1024x1536"))
    assert ([one.b64_json for one in made.data], made.size) == (["cG5n", "cG5n"], "1024x1536")
    assert made.usage.to_dict() == {
        "input_tokens": 10,
        "input_tokens_details": {"image_tokens": 3, "text_tokens": 7},
        "output_tokens": 4,
        "output_tokens_details": {"image_tokens": 4, "text_tokens": 0},
        "total_tokens": 14,
    }
    linked = await ask(lambda c: c.images.generate(model="dall-e-3", prompt="cat", response_format="url"))
    assert (linked.data[0].url, linked.data[0].revised_prompt) == ("https://images.example/000002.png", "a cat")
    events = await ask(lambda c: c.images.generate(model="gpt-image-1", prompt="cat", stream=True, partial_images=2))
    assert [event.type for event in events] == [
        *["image_generation.partial_image"] * 2,
        "image_generation.completed",
    ]
    assert events[-1].usage.total_tokens == 14
    edited = await ask(lambda c: c.images.edit(model="gpt-image-1", prompt="cat", image=("a.png", b"x", "image/png")))
    assert edited.data[0].b64_json


async def test_speech(provider: FakeProvider, ask: Any) -> None:
    provider.queue(Reply(data=b"abc" * 50_000), Reply(data=b"short"))
    long = await ask(lambda c: c.audio.speech.create(model="tts", voice="alloy", input="hi"))
    assert await read(long) == b"abc" * 50_000
    short = await ask(lambda c: c.audio.speech.create(model="tts", voice="alloy", input="hi", response_format="wav"))
    assert (await read(short), short.response.headers["content-type"]) == (b"short", "audio/wav")
    events = await ask(lambda c: c.audio.speech.create(model="tts", voice="alloy", input="hi", stream_format="sse"))
    assert b'"type":"speech.audio.done","usage":{"input_tokens":' in await read(events)


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")  # translations, on the newest line
async def test_transcriptions(provider: FakeProvider, ask: Any) -> None:
    def heard(c: Any, **options: Any) -> Any:
        sound = ("a.wav", io.BytesIO(b"sound"), "audio/wav")
        return c.audio.transcriptions.create(model="whisper-1", file=sound, **options)

    provider.queue(*[Reply(text="as heard", usage=USAGE)] * 5)
    plain = await ask(heard)
    assert plain.text == "as heard"
    assert plain.usage.to_dict() == {
        "type": "tokens",
        "input_tokens": 10,
        "output_tokens": 4,
        "total_tokens": 14,
        "input_token_details": {"audio_tokens": 6, "text_tokens": 4},
    }
    verbose = await ask(lambda c: heard(c, response_format="verbose_json"))
    assert (verbose.segments[0].text, verbose.usage.seconds) == ("as heard", 2)
    assert await ask(lambda c: heard(c, response_format="text")) == "as heard\n"
    events = await ask(lambda c: heard(c, stream=True))
    assert [event.type for event in events] == [*["transcript.text.delta"] * 2, "transcript.text.done"]
    assert events[-1].usage.total_tokens == 14
    translated = await ask(lambda c: c.audio.translations.create(model="whisper-1", file=("a.wav", b"x")))
    assert translated.text == "as heard"


async def test_models(ask: Any, claude: Any) -> None:
    names = ["fake-model", "fake-model-mini", "fake-embedding"]
    assert [one.id for one in await ask.pages(lambda c: c.models.list())] == names
    assert [one.id for one in await claude.pages(lambda c: c.models.list(limit=1))] == names
    assert (await ask(lambda c: c.models.retrieve("fake-model"))).owned_by == "fake"
    assert (await claude(lambda c: c.models.retrieve("fake-model"))).display_name == "Fake Model"
    assert (await ask(lambda c: c.models.delete("ft:mine"))).deleted is True
    with pytest.raises(openai.NotFoundError):
        await ask(lambda c: c.models.retrieve("other"))
    with pytest.raises(anthropic.NotFoundError) as caught:
        await claude(lambda c: c.models.retrieve("other"))
    assert caught.value.body == {
        "type": "error",
        "error": {"type": "not_found_error", "message": "No such model: other."},
        "request_id": caught.value.request_id,
    }


async def test_openai_files_and_batches(provider: FakeProvider, ask: Any) -> None:
    asked = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
    lines = [
        {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": asked},
        {"custom_id": "b", "method": "POST", "url": "/v1/embeddings", "body": {"model": "e", "input": "x"}},
    ]
    content = "\n".join(map(json.dumps, lines)).encode()
    uploaded = await ask(lambda c: c.files.create(file=("in.jsonl", content), purpose="batch"))
    assert (uploaded.filename, uploaded.bytes, uploaded.purpose) == ("in.jsonl", len(content), "batch")
    assert await read(await ask(lambda c: c.files.content(uploaded.id))) == content
    provider.queue("answered")
    made = await ask(
        lambda c: c.batches.create(
            input_file_id=uploaded.id, endpoint="/v1/chat/completions", completion_window="24h", metadata={"k": "v"}
        )
    )
    assert (made.status, made.output_file_id) == ("validating", None)
    done = await ask(lambda c: c.batches.retrieve(made.id))
    assert (done.status, done.request_counts.completed, done.metadata) == ("completed", 2, {"k": "v"})
    output = await read(await ask(lambda c: c.files.content(done.output_file_id)))
    first, second = [json.loads(line) for line in output.splitlines()]
    assert (first["custom_id"], first["response"]["status_code"]) == ("a", 200)
    assert first["response"]["body"]["choices"][0]["message"]["content"] == "answered"
    assert second["response"]["body"]["object"] == "list"
    assert [one.id for one in await ask.pages(lambda c: c.batches.list(limit=1))] == [made.id]
    assert [one.id for one in await ask.pages(lambda c: c.files.list(limit=1))] == [uploaded.id, done.output_file_id]
    assert (await ask(lambda c: c.files.retrieve(uploaded.id))).to_dict() == uploaded.to_dict()
    assert (await ask(lambda c: c.batches.cancel(made.id))).status == "cancelling"
    assert (await ask(lambda c: c.files.delete(uploaded.id))).deleted is True
    for gone in (lambda c: c.files.retrieve(uploaded.id), lambda c: c.batches.retrieve("batch_other")):
        with pytest.raises(openai.NotFoundError):
            await ask(gone)


async def test_anthropic_files(claude: Any) -> None:
    def files(c: Any) -> Any:
        return c.files if hasattr(c, "files") else c.beta.files

    uploaded = await claude(lambda c: files(c).upload(file=("a.txt", b"hello", "text/plain")))
    assert (uploaded.filename, uploaded.size_bytes, uploaded.mime_type) == ("a.txt", 5, "text/plain")
    assert [one.id for one in await claude.pages(lambda c: files(c).list())] == [uploaded.id]
    assert await read(await claude(lambda c: files(c).download(uploaded.id))) == b"hello"
    assert (await claude(lambda c: files(c).delete(uploaded.id))).id == uploaded.id


async def test_exact_json_and_bytes(provider: FakeProvider, ask: Any) -> None:
    provider.queue(Reply(json={"anything": [1]}), Reply(data=b"raw", headers={"Content-Type": "text/plain"}))
    assert await ask(lambda c: c.get("/whatever", cast_to=object)) == {"anything": [1]}
    assert await ask(lambda c: c.get("/whatever", cast_to=str)) == "raw"


async def test_unknown_paths(ask: Any, claude: Any) -> None:
    with pytest.raises(openai.NotFoundError, match=r"Unknown request URL: GET /v1/whatever\."):
        await ask(lambda c: c.get("/whatever", cast_to=object))
    with pytest.raises(anthropic.NotFoundError) as caught:
        await claude(lambda c: c.get("/whatever", cast_to=object))
    assert caught.value.body["error"]["type"] == "not_found_error"


async def test_input_tokens_are_counted(provider: FakeProvider, ask: Any) -> None:
    provider.queue(Reply(usage=USAGE))
    counted = await ask(lambda c: c.post("/responses/input_tokens", body={"model": "m", "input": "x"}, cast_to=object))
    assert counted == {"object": "response.input_tokens", "input_tokens": 10}


async def test_embeddings_without_usage(provider: FakeProvider) -> None:
    provider.queue(faults.no_usage())
    with openai.OpenAI(base_url=provider.openai_url, api_key="k") as client:
        assert "usage" not in client.embeddings.create(model="e", input="a").to_dict()


async def test_legacy_text_completions(provider: FakeProvider, claude: Any) -> None:
    # Not a method of every SDK line, so by path.
    asked = {"model": "m", "prompt": "x", "max_tokens_to_sample": 5}
    provider.queue(Reply(text="a b", finish_reason="length"))
    assert await claude(lambda c: c.post("/v1/complete", body=asked, cast_to=object)) == {
        "type": "completion",
        "id": "compl_000001",
        "completion": "a b",
        "stop_reason": "max_tokens",
        "stop": None,
        "model": "m",
    }
