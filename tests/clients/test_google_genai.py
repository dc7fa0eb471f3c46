"""The Google GenAI SDK through Mirk, on both versions of its paths: generate, tools, counting, embedding, models."""

import pytest
from google import genai
from google.genai import errors, types

MODEL = "gemini-2.5-flash"
CITY = {"city": "Zürich"}
TOOLS = [types.Tool(function_declarations=[types.FunctionDeclaration(
    name="weather", description="d",
    parameters=types.Schema(type="OBJECT", properties={"city": types.Schema(type="STRING")}, required=["city"]),
)])]
NO_AUTOMATION = types.AutomaticFunctionCallingConfig(disable=True)


def client_for(mirk, key, version):
    options = types.HttpOptions(base_url=mirk.url, api_version=version, timeout=20_000)
    return genai.Client(api_key=key, vertexai=False, http_options=options)


@pytest.fixture(scope="module", params=["v1", "v1beta"])
def version(request):
    return request.param


@pytest.fixture(scope="module")
def client(mirk, version):
    return client_for(mirk, mirk.key, version)


def test_content_is_generated_with_its_usage(client, mirk):
    answer = client.models.generate_content(model=MODEL, contents=mirk.says())
    assert answer.text == mirk.completion
    assert answer.candidates[0].finish_reason == types.FinishReason.STOP
    assert answer.usage_metadata.prompt_token_count > 0
    assert answer.sdk_http_response.headers["x-mirk-provider"] == "gemini"
    (received,) = mirk.received()
    assert received["target"].endswith(f"/models/{MODEL}:generateContent")


def test_streamed_content_arrives_in_many_pieces(client, mirk):
    chunks = list(client.models.generate_content_stream(model=MODEL, contents=mirk.says(" one two three")))
    pieces = [chunk.text for chunk in chunks if chunk.text]
    assert len(pieces) >= 4 and "".join(pieces) == f"{mirk.completion} one two three"
    assert chunks[-1].candidates[0].finish_reason == types.FinishReason.STOP
    assert chunks[-1].usage_metadata.candidates_token_count > 0


@pytest.mark.parametrize("model", [MODEL, "gemini-3-pro"])
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_a_tool_is_called_and_its_signature_comes_back(client, mirk, model, streamed):
    config = types.GenerateContentConfig(tools=TOOLS, automatic_function_calling=NO_AUTOMATION)

    def say(contents):
        if not streamed:
            return client.models.generate_content(model=model, contents=contents, config=config).candidates[0].content
        chunks = client.models.generate_content_stream(model=model, contents=contents, config=config)
        parts = [part for chunk in chunks for part in (chunk.candidates[0].content.parts or [])]
        return types.Content(role="model", parts=parts)

    contents = [types.Content(role="user", parts=[types.Part(text=mirk.calls("weather", CITY))])]
    asked = say(contents)
    (part,) = [part for part in asked.parts if part.function_call]
    assert (part.function_call.name, part.function_call.args) == ("weather", CITY)
    assert part.thought_signature, "the signature survives the way to the client"
    result = types.Part.from_function_response(name="weather", response={"result": "sun"})
    answered = say([*contents, asked, types.Content(role="user", parts=[result])])
    text = "".join(part.text for part in answered.parts if part.text)
    assert text.startswith("The tool said:") and "sun" in text


def test_a_third_generation_call_without_its_signature_is_refused_by_the_provider(client, mirk):
    call = types.Part.from_function_call(name="weather", args=CITY)
    result = types.Part.from_function_response(name="weather", response={"result": "sun"})
    contents = [
        types.Content(role="user", parts=[types.Part(text=mirk.prompt)]),
        types.Content(role="model", parts=[call]),
        types.Content(role="user", parts=[result]),
    ]
    config = types.GenerateContentConfig(tools=TOOLS, automatic_function_calling=NO_AUTOMATION)
    with pytest.raises(errors.ClientError) as error:
        client.models.generate_content(model="gemini-3-pro", contents=contents, config=config)
    assert error.value.code == 400 and "thought_signature" in error.value.message


def test_thoughts_are_shown_and_counted(client, mirk):
    config = types.GenerateContentConfig(
        thinking_config=types.ThinkingConfig(include_thoughts=True, thinking_budget=1024)
    )
    answer = client.models.generate_content(model=MODEL, contents=mirk.says(), config=config)
    assert any(part.thought for part in answer.candidates[0].content.parts)
    assert answer.usage_metadata.thoughts_token_count > 0
    assert answer.text == mirk.completion


def test_tokens_are_counted(client, mirk):
    short = client.models.count_tokens(model=MODEL, contents=mirk.prompt)
    long = client.models.count_tokens(model=MODEL, contents=mirk.prompt * 9)
    assert 0 < short.total_tokens < long.total_tokens


def test_texts_are_embedded(client, mirk):
    config = types.EmbedContentConfig(output_dimensionality=64)
    answer = client.models.embed_content(
        model="gemini-embedding-001", contents=[mirk.prompt, f"{mirk.prompt} 2"], config=config
    )
    assert [len(one.values) for one in answer.embeddings] == [64, 64]


@pytest.mark.rows(0)
def test_models_are_listed_in_gemini_shape(client, mirk):
    names = [model.name for model in client.models.list()]
    assert f"models/{MODEL}" in names


@pytest.mark.rows(0)
def test_a_wrong_key_is_refused_as_gemini_refuses_it(mirk, version):
    for key in ("AIzaNotOurs", mirk.key[:-1] + ("A" if mirk.key[-1] != "A" else "B")):
        client = client_for(mirk, key, version)
        with pytest.raises(errors.ClientError) as error:
            client.models.generate_content(model=MODEL, contents=mirk.says())
        assert error.value.code == 401 and error.value.status == "UNAUTHENTICATED"
        assert key not in str(error.value)
    assert mirk.received() == []


@pytest.mark.parametrize("status, word, kind", [
    (404, "NOT_FOUND", errors.ClientError),
    (429, "RESOURCE_EXHAUSTED", errors.ClientError),
    (500, "INTERNAL", errors.ServerError),
    (503, "UNAVAILABLE", errors.ServerError),
])
def test_a_providers_refusal_is_the_error_that_its_own_sdk_expects(client, mirk, alone, status, word, kind):
    model = alone("gemini", f"gemini-sim-{status}")
    with pytest.raises(kind) as error:
        client.models.generate_content(model=model, contents=mirk.says())
    assert (error.value.code, error.value.status) == (status, word)


@pytest.mark.parametrize("behaviour", ["cut", "cutclean", "inband"])
def test_a_broken_stream_never_looks_complete(client, mirk, behaviour):
    chunks = []
    is_whole = False
    try:
        for chunk in client.models.generate_content_stream(model=f"gemini-sim-{behaviour}", contents=mirk.says(" a b c d")):
            chunks.append(chunk)
        is_whole = True
    except (errors.APIError, *transport_errors()):
        pass
    assert chunks, "what came before the break is passed on"
    finished = [one for chunk in chunks for one in chunk.candidates or [] if one.finish_reason]
    assert finished == []
    assert not is_whole


def transport_errors():
    """What the SDK lets through from its HTTP client when a connection breaks inside a body."""
    import httpx2

    return (httpx2.TransportError,)
