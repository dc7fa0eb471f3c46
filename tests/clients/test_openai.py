"""The OpenAI SDK through Mirk: chat, responses, embeddings, models, and how it sees failures."""

import concurrent.futures
import json
import time

import openai
import pytest

MODEL = "gpt-5.4"
WEATHER = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
CHAT_TOOLS = [{"type": "function", "function": {"name": "weather", "description": "d", "parameters": WEATHER}}]
RESPONSES_TOOLS = [{"type": "function", "name": "weather", "description": "d", "parameters": WEATHER, "strict": False}]
CITY = {"city": "Zürich"}


@pytest.fixture(scope="module")
def client(mirk):
    with openai.OpenAI(base_url=f"{mirk.url}/v1", api_key=mirk.key, max_retries=0, timeout=20) as client:
        yield client


def user(text):
    return [{"role": "user", "content": text}]


def test_a_chat_is_answered_with_its_usage(client, mirk):
    raw = client.chat.completions.with_raw_response.create(model=MODEL, messages=user(mirk.says()))
    answer = raw.parse()
    assert answer.choices[0].message.content == mirk.completion
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.prompt_tokens > 0 and answer.usage.completion_tokens > 0
    assert raw.headers["x-mirk-provider"] == "openai"
    assert raw.headers["x-mirk-model"] == MODEL
    assert raw.headers["x-mirk-request-id"]
    assert "set-cookie" not in raw.headers


def test_a_model_may_be_named_with_its_provider(client, mirk):
    answer = client.chat.completions.create(model=f"openai/{MODEL}", messages=user(mirk.says()))
    assert answer.choices[0].message.content == mirk.completion
    assert json.loads(mirk.received()[0]["body"])["model"] == MODEL


def test_a_stream_that_the_client_leaves_is_cancelled_upstream(client, mirk):
    stream = client.chat.completions.create(model="sim-slow", messages=user(mirk.says(" a b c d e f g h i j")), stream=True)
    next(iter(stream))
    stream.close()
    deadline = time.monotonic() + 5
    while mirk.received()[0]["ended"] == "running" and time.monotonic() < deadline:
        time.sleep(0.05)
    assert mirk.received()[0]["ended"] == "cancelled"


def test_many_at_once_each_get_their_own_answer(client, mirk):
    def ask(number):
        text = mirk.says(f" {number}")
        with client.chat.completions.create(model=MODEL, messages=user(text), stream=True) as stream:
            return "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        assert list(pool.map(ask, range(48))) == [f"{mirk.completion} {number}" for number in range(48)]


def test_a_streamed_chat_arrives_in_many_pieces(client, mirk):
    stream = client.chat.completions.create(model=MODEL, messages=user(mirk.says(" one two three")), stream=True)
    chunks = list(stream)
    pieces = [chunk.choices[0].delta.content for chunk in chunks if chunk.choices and chunk.choices[0].delta.content]
    assert "".join(pieces) == f"{mirk.completion} one two three"
    assert len(pieces) >= 4
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert all(chunk.usage is None for chunk in chunks)


def test_a_streamed_chat_ends_with_its_usage_when_asked(client, mirk):
    stream = client.chat.completions.create(
        model=MODEL, messages=user(mirk.says()), stream=True, stream_options={"include_usage": True}
    )
    last = list(stream)[-1]
    assert last.choices == [] and last.usage.total_tokens > 0


def test_the_ledger_has_the_tokens_that_the_client_saw(client, mirk):
    def counted():
        groups = mirk.usage()["usage"]
        return [sum(group[name] for group in groups) for name in ("input_tokens", "output_tokens")]

    before = counted()
    answer = client.chat.completions.create(model=MODEL, messages=user(mirk.says()))
    streamed = client.chat.completions.create(
        model=MODEL, messages=user(mirk.says()), stream=True, stream_options={"include_usage": True}
    )
    usages = [answer.usage, list(streamed)[-1].usage]
    after = counted()
    assert after[0] - before[0] == sum(usage.prompt_tokens for usage in usages)
    assert after[1] - before[1] == sum(usage.completion_tokens for usage in usages)


def test_a_tool_is_called_and_its_result_answered(client, mirk):
    messages = user(mirk.calls("weather", CITY))
    asked = client.chat.completions.create(model=MODEL, messages=messages, tools=CHAT_TOOLS)
    assert asked.choices[0].finish_reason == "tool_calls"
    (call,) = asked.choices[0].message.tool_calls
    assert (call.function.name, json.loads(call.function.arguments)) == ("weather", CITY)
    messages += [
        asked.choices[0].message.model_dump(exclude_none=True),
        {"role": "tool", "tool_call_id": call.id, "content": f"{mirk.completion} sun"},
    ]
    answer = client.chat.completions.create(model=MODEL, messages=messages, tools=CHAT_TOOLS)
    assert answer.choices[0].message.content == f"The tool said: {mirk.completion} sun"


def test_a_streamed_tool_call_is_put_together_by_the_sdk(client, mirk):
    asking = {"model": MODEL, "messages": user(mirk.calls("weather", CITY)), "tools": CHAT_TOOLS}
    with client.chat.completions.stream(**asking) as stream:
        message = stream.get_final_completion().choices[0].message
    (call,) = message.tool_calls
    assert json.loads(call.function.arguments) == CITY
    history = asking["messages"] + [
        {"role": "assistant", "tool_calls": [{"id": call.id, "type": "function", "function": {
            "name": call.function.name, "arguments": call.function.arguments}}]},
        {"role": "tool", "tool_call_id": call.id, "content": "sun"},
    ]
    chunks = client.chat.completions.create(model=MODEL, messages=history, tools=CHAT_TOOLS, stream=True)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == "The tool said: sun"


def test_a_response_is_answered(client, mirk):
    answer = client.responses.create(model=MODEL, input=mirk.says())
    assert answer.output_text == mirk.completion
    assert answer.status == "completed" and answer.usage.output_tokens > 0


def test_a_streamed_response_ends_completed(client, mirk):
    with client.responses.stream(model=MODEL, input=mirk.says(" a b c")) as stream:
        deltas = [event.delta for event in stream if event.type == "response.output_text.delta"]
        final = stream.get_final_response()
    assert len(deltas) >= 4
    assert "".join(deltas) == final.output_text == f"{mirk.completion} a b c"
    assert final.usage.input_tokens > 0


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_a_response_calls_a_tool_and_answers_its_result(client, mirk, streamed):
    def respond(history):
        asking = {"model": MODEL, "input": history, "tools": RESPONSES_TOOLS}
        if not streamed:
            return client.responses.create(**asking)
        with client.responses.stream(**asking) as stream:
            return stream.get_final_response()

    history = user(mirk.calls("weather", CITY))
    asked = respond(history)
    (call,) = [item for item in asked.output if item.type == "function_call"]
    assert (call.name, json.loads(call.arguments)) == ("weather", CITY)
    history += [
        {"type": "function_call", "call_id": call.call_id, "name": call.name, "arguments": call.arguments},
        {"type": "function_call_output", "call_id": call.call_id, "output": "sun"},
    ]
    assert respond(history).output_text == "The tool said: sun"


def test_reasoning_is_counted(client, mirk):
    answer = client.responses.create(model=MODEL, input=mirk.says(), reasoning={"effort": "low"})
    assert answer.usage.output_tokens_details.reasoning_tokens > 0


def test_texts_are_embedded(client, mirk):
    answer = client.embeddings.create(model="text-embedding-3-small", input=[mirk.prompt, f"{mirk.prompt} 2"], dimensions=64)
    assert [len(one.embedding) for one in answer.data] == [64, 64]
    assert answer.data[0].embedding != answer.data[1].embedding
    # The SDK asks for base64 unless told otherwise; this is the other form.
    floats = client.embeddings.create(
        model="text-embedding-3-small", input=mirk.prompt, dimensions=64, encoding_format="float"
    )
    assert floats.data[0].embedding == pytest.approx(answer.data[0].embedding, abs=1e-6)


@pytest.mark.rows(0)
def test_models_are_listed_in_openai_shape(client, mirk):
    models = list(client.models.list())
    assert MODEL in [model.id for model in models]
    assert all(model.object == "model" for model in models)


@pytest.mark.rows(0)
def test_a_wrong_key_is_an_authentication_error(client, mirk):
    for key in ("sk-not-ours", mirk.key[:-1] + ("A" if mirk.key[-1] != "A" else "B")):
        with pytest.raises(openai.AuthenticationError) as error:
            client.with_options(api_key=key).chat.completions.create(model=MODEL, messages=user(mirk.says()))
        assert key not in str(error.value)
    assert mirk.received() == []


def test_a_model_that_the_provider_does_not_have_is_a_not_found_error(client, mirk):
    with pytest.raises(openai.NotFoundError) as error:
        client.chat.completions.create(model="sim-404", messages=user(mirk.says()))
    assert error.value.code == "model_not_found"


@pytest.mark.rows(2)
@pytest.mark.parametrize("model", ["nobody/nothing", "asleep/anything"], ids=["unknown", "disabled"])
def test_a_model_of_no_provider_is_a_not_found_error_and_reaches_none(client, mirk, model):
    for streamed in (False, True):
        with pytest.raises(openai.NotFoundError) as error:
            client.chat.completions.create(model=model, messages=user(mirk.says()), stream=streamed)
        assert error.value.code == "model_not_found"
    assert mirk.received() == []


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_a_provider_that_limits_is_a_rate_limit_error_with_its_wait(client, mirk, alone, streamed):
    model = alone("openai", "sim-429")
    with pytest.raises(openai.RateLimitError) as error:
        client.chat.completions.create(model=model, messages=user(mirk.says()), stream=streamed)
    assert error.value.response.headers["retry-after"] == "7"
    assert error.value.code == "rate_limit_exceeded"


def test_a_provider_that_fails_is_a_server_error(client, mirk, alone):
    model = alone("openai", "sim-500")
    with pytest.raises(openai.InternalServerError):
        client.chat.completions.create(model=model, messages=user(mirk.says()))


def test_a_refusal_comes_with_the_providers_own_words_but_not_its_credential(client, mirk):
    with pytest.raises(openai.BadRequestError) as error:
        client.chat.completions.create(model="sim-echo", messages=user(mirk.says()))
    assert "its prompt was" in error.value.message
    assert mirk.credential not in error.value.response.text


@pytest.mark.parametrize("model", ["sim-cut", "sim-cutclean", "sim-inband"])
def test_a_broken_chat_stream_raises_and_never_looks_complete(client, mirk, model):
    seen = []
    with pytest.raises((openai.APIError, openai.APIConnectionError, *transport_errors())):
        for chunk in client.chat.completions.create(model=model, messages=user(mirk.says(" a b c d")), stream=True):
            seen.append(chunk)
    assert seen, "what came before the break is passed on"
    assert all(choice.finish_reason is None for chunk in seen for choice in chunk.choices)


@pytest.mark.parametrize("model", ["sim-cut", "sim-inband"])
def test_a_broken_response_stream_never_looks_complete(client, mirk, model):
    kinds = []
    try:
        for event in client.responses.create(model=model, input=mirk.says(" a b c d"), stream=True):
            kinds.append(event.type)
        is_raised = False
    except (openai.APIError, *transport_errors()):
        is_raised = True
    assert is_raised or kinds[-1] in ("error", "response.failed")
    assert "response.completed" not in kinds


def transport_errors():
    """What the SDK lets through from its HTTP client when a connection breaks inside a body."""
    import httpx2

    return (httpx2.TransportError,)
