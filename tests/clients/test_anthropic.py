"""The Anthropic SDK through Mirk: messages, tools, thinking, counting, models, and how it sees failures."""

import anthropic
import pytest

MODEL = "claude-opus-5-5"
TOOLS = [{
    "name": "weather",
    "description": "d",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}]
CITY = {"city": "Zürich"}
THINKING = {"type": "enabled", "budget_tokens": 1024}


@pytest.fixture(scope="module")
def client(mirk):
    with anthropic.Anthropic(base_url=mirk.url, api_key=mirk.key, max_retries=0, timeout=20) as client:
        yield client


def asking(text, **more):
    return {"model": MODEL, "max_tokens": 2048, "messages": [{"role": "user", "content": text}]} | more



@pytest.mark.parametrize("model", ["claude-opus-5", "claude-sonnet-5", "anthropic/claude-opus-5"])
def test_a_model_is_found_by_its_bare_name_and_with_its_provider(client, mirk, model):
    answer = client.messages.create(**asking(mirk.says()) | {"model": model})
    assert answer.content[0].text == mirk.completion
    assert mirk.received()[0]["target"] == "/v1/messages"


def test_a_message_is_answered_with_its_usage(client, mirk):
    raw = client.messages.with_raw_response.create(**asking(mirk.says()))
    answer = raw.parse()
    assert answer.content[0].text == mirk.completion
    assert answer.stop_reason == "end_turn" and answer.role == "assistant"
    assert answer.usage.input_tokens > 0 and answer.usage.output_tokens > 0
    assert raw.headers["x-mirk-provider"] == "anthropic"
    assert raw.headers["request-id"]


def test_the_version_header_and_the_body_arrive_as_the_sdk_sent_them(client, mirk):
    client.messages.create(**asking(mirk.says(), extra_body={"temperature": 1.0}))
    (received,) = mirk.received()
    assert dict(received["headers"])["anthropic-version"] == client.default_headers["anthropic-version"]
    assert b'"temperature":1.0' in received["body"]


def test_a_streamed_message_is_put_together_by_the_sdk(client, mirk):
    with client.messages.stream(**asking(mirk.says(" one two three"))) as stream:
        pieces = list(stream.text_stream)
        final = stream.get_final_message()
    assert len(pieces) >= 4
    assert "".join(pieces) == final.content[0].text == f"{mirk.completion} one two three"
    assert final.stop_reason == "end_turn" and final.usage.output_tokens > 0


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_a_tool_is_called_and_its_result_answered(client, mirk, streamed):
    def say(request):
        if not streamed:
            return client.messages.create(**request)
        with client.messages.stream(**request) as stream:
            return stream.get_final_message()

    request = asking(mirk.calls("weather", CITY), tools=TOOLS)
    asked = say(request)
    assert asked.stop_reason == "tool_use"
    (call,) = [block for block in asked.content if block.type == "tool_use"]
    assert (call.name, call.input) == ("weather", CITY)
    request["messages"] += [
        {"role": "assistant", "content": [block.model_dump(exclude_none=True) for block in asked.content]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": call.id, "content": "sun"}]},
    ]
    assert say(request).content[0].text == "The tool said: sun"


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_thinking_comes_with_its_signature_and_may_be_sent_back(client, mirk, streamed):
    def say(request):
        if not streamed:
            return client.messages.create(**request)
        with client.messages.stream(**request) as stream:
            return stream.get_final_message()

    request = asking(mirk.says(), thinking=THINKING)
    thinking, text = say(request).content
    assert thinking.type == "thinking" and thinking.thinking and thinking.signature
    assert text.text == mirk.completion
    request["messages"] += [
        {"role": "assistant", "content": [thinking.model_dump(exclude_none=True), {"type": "text", "text": text.text}]},
        {"role": "user", "content": mirk.says(" again")},
    ]
    assert say(request).content[1].text == f"{mirk.completion} again"
    assert thinking.signature.encode() in mirk.received()[-1]["body"]


def test_tokens_are_counted(client, mirk):
    short = client.messages.count_tokens(model=MODEL, messages=[{"role": "user", "content": mirk.prompt}])
    long = client.messages.count_tokens(model=MODEL, messages=[{"role": "user", "content": mirk.prompt * 9}])
    assert 0 < short.input_tokens < long.input_tokens


@pytest.mark.rows(0)
def test_models_are_listed_in_anthropic_shape(client, mirk):
    page = client.models.list(limit=1000)
    assert MODEL in [model.id for model in page.data]
    assert all(model.type == "model" for model in page.data)


@pytest.mark.rows(0)
def test_a_wrong_key_is_an_authentication_error(client, mirk):
    for key in ("sk-ant-not-ours", mirk.key[:-1] + ("A" if mirk.key[-1] != "A" else "B")):
        with pytest.raises(anthropic.AuthenticationError) as error:
            client.with_options(api_key=key).messages.create(**asking(mirk.says()))
        assert key not in str(error.value)
    assert mirk.received() == []


def test_a_stale_provider_key_beside_ours_is_ignored_and_not_forwarded(client, mirk):
    answer = client.messages.create(**asking(mirk.says()), extra_headers={"x-api-key": "sk-ant-stale"})
    assert answer.content[0].text == mirk.completion
    assert "sk-ant-stale" not in repr(mirk.received()[0]["headers"])


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_credential_of_ours_is_no_fault_of_the_clients_key(client, mirk, alone, status):
    model = alone("anthropic", f"claude-sim-{status}")
    with pytest.raises(anthropic.InternalServerError) as error:
        client.messages.create(**asking(mirk.says()) | {"model": model})
    assert error.value.status_code == 502
    assert mirk.credential not in error.value.response.text


@pytest.mark.parametrize("status, kind", [
    (404, anthropic.NotFoundError),
    (429, anthropic.RateLimitError),
    (500, anthropic.InternalServerError),
    (529, anthropic.InternalServerError),
])
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_a_providers_refusal_is_the_error_that_its_own_sdk_expects(client, mirk, alone, status, kind, streamed):
    model = alone("anthropic", f"claude-sim-{status}")
    with pytest.raises(kind) as error:
        client.messages.create(**asking(mirk.says()) | {"model": model}, stream=streamed)
    assert error.value.status_code == status
    assert error.value.body["type"] == "error"
    if status == 429:
        assert error.value.response.headers["retry-after"] == "7"


def test_a_refusal_reaches_the_client_word_for_word(client, mirk):
    # Claude Code leaves a field out and tries again when the provider's own words name it.
    words = "messages.1.role: role 'system' is not supported on this model"
    body = '{"type":"error","error":{"type":"invalid_request_error","message":"%s"},"request_id":"req_1"}' % words
    mirk.script(400, {"content-type": "application/json"}, body)
    with pytest.raises(anthropic.BadRequestError) as error:
        client.messages.create(**asking(mirk.says()))
    assert error.value.body["error"]["message"] == words


@pytest.mark.parametrize("behaviour", ["cut", "cutclean", "inband"])
def test_a_broken_stream_raises_and_never_looks_complete(client, mirk, behaviour):
    kinds = []
    is_whole = False
    try:
        request = asking(mirk.says(" a b c d")) | {"model": f"claude-sim-{behaviour}"}
        for event in client.messages.create(**request, stream=True):
            kinds.append(event.type)
        is_whole = True
    except (anthropic.APIError, *transport_errors()):
        pass
    assert kinds[0] == "message_start", "what came before the break is passed on"
    assert not is_whole and "message_stop" not in kinds


def transport_errors():
    """What the SDK lets through from its HTTP client when a connection breaks inside a body."""
    import httpx2

    return (httpx2.TransportError,)
