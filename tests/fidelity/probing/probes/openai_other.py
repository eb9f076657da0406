"""The OpenAI SDK's endpoints beside the ones that speak."""

from __future__ import annotations

import io
import json
from typing import Any

from probing.lab import Lab, probe
from probing.speaking import http_of
from tokeneff.testing import Reply, Usage

USAGE = Usage(input_tokens=10, output_tokens=4, audio_input=6, image_input=3)


@probe("openai")
async def embeddings(lab: Lab) -> None:
    lab.client._strict_response_validation = False  # the SDK checks before it decodes the base64 that it asked for
    lab.provider.queue(*[Reply(embedding=[0.5, 0.25], usage=USAGE)] * 3)
    await lab.call(lambda c: c.embeddings.create(model="text-embedding-3-small", input=["a", "b"], dimensions=2))
    await lab.call(lambda c: c.embeddings.create(model="text-embedding-3-small", input="a", encoding_format="float"))
    await lab.call(lambda c: c.embeddings.create(model="text-embedding-3-small", input=[1, 2, 3], user="u"))


@probe("openai")
async def moderations(lab: Lab) -> None:
    lab.provider.queue(Reply(refusal="violent"), "fine")
    await lab.call(lambda c: c.moderations.create(input=["a", "b"], model="omni-moderation-latest"))
    await lab.call(lambda c: c.moderations.create(input="a"))


@probe("openai")
async def images(lab: Lab) -> None:
    lab.provider.queue(*[Reply(data=b"png", usage=USAGE)] * 4)
    picture = ("a.png", b"x" * 300, "image/png")
    await lab.call(lambda c: c.images.generate(model="gpt-image-1", prompt="cat", n=2, size="1024x1024"))
    await lab.call(
        lambda c: c.images.generate(model="gpt-image-1", prompt="cat", stream=True, partial_images=2), "image stream"
    )
    await lab.call(lambda c: c.images.edit(model="gpt-image-1", prompt="cat", image=picture))
    await lab.call(lambda c: c.images.edit(model="gpt-image-1", prompt="cat", image=[picture, io.BytesIO(b"y")]))


@probe("openai")
async def speech(lab: Lab) -> None:
    lab.provider.queue(Reply(data=b"abc" * 5000), Reply(data=b"short"), Reply(data=b"abc" * 5000))
    await lab.call(lambda c: c.audio.speech.create(model="tts-1", voice="alloy", input="hi"))
    await lab.call(lambda c: c.audio.speech.create(model="tts-1", voice="alloy", input="hi", stream_format="sse"))
    streamed = lab.client.audio.speech.with_streaming_response.create(model="tts-1", voice="alloy", input="hi")
    async with lab.entered(streamed) as response:
        sizes = [len(piece) async for piece in lab.each(response.iter_bytes(4096))]
        lab.note("sizes", sizes)


@probe("openai")
async def transcriptions(lab: Lab) -> None:
    lab.provider.queue(*[Reply(text="as heard", usage=USAGE)] * 5)

    def heard(c: Any, **more: Any) -> Any:
        return c.audio.transcriptions.create(
            model="whisper-1", file=("a.wav", io.BytesIO(b"sound"), "audio/wav"), **more
        )

    await lab.call(heard)
    await lab.call(lambda c: heard(c, response_format="verbose_json", timestamp_granularities=["word"]))
    await lab.call(lambda c: heard(c, response_format="text"))
    await lab.call(lambda c: heard(c, stream=True))
    await lab.call(lambda c: c.audio.translations.create(model="whisper-1", file=("a.wav", b"x")))


@probe("openai")
async def files(lab: Lab) -> None:
    made = await lab.call(lambda c: c.files.create(file=("in.jsonl", b'{"a":1}\n'), purpose="batch"))
    if made is None:
        return
    await lab.call(lambda c: c.files.retrieve(made.id))
    await lab.call(lambda c: c.files.content(made.id))
    await lab.call(lambda c: c.files.list(limit=1, purpose="batch"))
    await lab.call(lambda c: c.files.delete(made.id))


@probe("openai")
async def batches(lab: Lab) -> None:
    asked = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
    lines = [{"custom_id": k, "method": "POST", "url": "/v1/chat/completions", "body": asked} for k in "ab"]
    content = "\n".join(map(json.dumps, lines)).encode()
    given = await lab.call(lambda c: c.files.create(file=("in.jsonl", content), purpose="batch"))
    if given is None:
        return
    made = await lab.call(
        lambda c: c.batches.create(
            input_file_id=given.id, endpoint="/v1/chat/completions", completion_window="24h", metadata={"k": "v"}
        )
    )
    done = await lab.call(lambda c: c.batches.retrieve(made.id))
    await lab.call(lambda c: c.files.content(done.output_file_id))
    await lab.call(lambda c: c.batches.list(limit=1))
    await lab.call(lambda c: c.batches.cancel(made.id))


@probe("openai")
async def models(lab: Lab) -> None:
    await lab.call(lambda c: c.models.list())
    await lab.call(lambda c: c.models.retrieve("fake-model"))
    await lab.call(lambda c: c.models.delete("ft:mine"))


@probe("openai")
async def pages(lab: Lab) -> None:
    for name in "abc":
        await lab.settled(lab.client.files.create(file=(f"{name}.txt", name.encode()), purpose="assistants"))
    await lab.call(lambda c: c.files.list(limit=1), "every page")
    first = await lab.settled(lab.client.files.list(limit=2))
    lab.note("first", [first.has_next_page(), first.next_page_info(), first])
    second = await lab.settled(first.get_next_page())
    lab.note("second", [second.has_next_page(), second])
    if lab.awaiting:
        lab.note("items", [one async for one in lab.client.files.list(limit=1)])
    else:
        lab.note("pages", list(lab.client.files.list(limit=2).iter_pages()))


@probe("openai", wide=False)
async def beta_and_other_namespaces(lab: Lab) -> None:
    for _ in range(8):
        lab.provider.queue(Reply(json={"id": "x_1", "object": "thing", "data": [], "has_more": False}))
    await lab.call(lambda c: lab.part("beta.assistants", "beta.threads", "beta.chatkit.sessions", client=c).list())
    await lab.call(lambda c: c.vector_stores.create(name="v"))
    await lab.call(lambda c: c.fine_tuning.jobs.list())
    await lab.call(lambda c: c.uploads.create(bytes=1, filename="a", mime_type="text/plain", purpose="batch"))
    await lab.call(lambda c: c.containers.list())
    await lab.call(lambda c: c.conversations.create(metadata={"k": "v"}))
    await lab.call(lambda c: c.evals.list())


@probe("openai", "anthropic", wide=False)
async def undocumented(lab: Lab) -> None:
    """The client's own ``get``, ``post``, ``put``, ``patch``, ``delete`` and ``get_api_list``."""
    lab.provider.queue(*[Reply(json={"anything": [1]})] * 6, Reply(data=b"raw", headers={"content-type": "text/plain"}))
    lab.provider.queue(Reply(data=b"raw", headers={"content-type": "text/plain"}))
    path = "/v1/any" if lab.family == "anthropic" else "/any"
    for verb in ("post", "put", "patch", "delete"):
        await lab.call(lambda c, v=verb: getattr(c, v)(path, body={"x": 1}, cast_to=object), verb)
    await lab.call(lambda c: c.get(path, cast_to=object), "get")
    await lab.call(lambda c: c.get(path, cast_to=dict[str, list[int]], options={"params": {"q": "1"}}), "typed")
    await lab.call(lambda c: c.get(path, cast_to=str), "text")
    await lab.call(lambda c: c.get(path, cast_to=http_of(c).Response), "response")
