"""Providers that misbehave, as the OpenAI SDK sees it through Mirk: an answer is whole and clean, or it is an error."""

import openai
import pytest

# What the SDK raises where an answer is an error, or no answer.
REFUSED = (openai.APIStatusError, openai.APIConnectionError, openai.APIResponseValidationError)


@pytest.fixture(scope="module")
def client(mirk):
    with openai.OpenAI(base_url=f"{mirk.url}/v1", api_key=mirk.key, max_retries=0, timeout=20) as client:
        yield client


@pytest.fixture
def ask(client, mirk):
    def ask(model, streamed, more=" a b c d"):
        messages = [{"role": "user", "content": mirk.says(more)}]
        if not streamed:
            return client.chat.completions.create(model=model, messages=messages).choices[0].message.content
        chunks = client.chat.completions.create(model=model, messages=messages, stream=True)
        return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)

    return ask


both = pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])


@both
@pytest.mark.parametrize("model", ["sim-1xx", "sim-cookie", "sim-nousage", "sim-badusage", "sim-slow"])
def test_what_is_odd_but_whole_is_answered(ask, mirk, model, streamed):
    assert ask(model, streamed) == f"{mirk.completion} a b c d"


def test_a_large_answer_and_one_of_many_pieces_arrive_whole(ask):
    assert ask("sim-big", False) == ask("sim-big", True) == "0123456789abcde " * (1 << 16)
    assert ask("sim-many", True).split() == [str(number) for number in range(100)]


def test_headers_that_are_not_for_the_client_stay_behind(client, mirk):
    messages = [{"role": "user", "content": mirk.says()}]
    raw = client.chat.completions.with_raw_response.create(model="sim-cookie", messages=messages)
    names = set(raw.headers)
    assert not names & {
        "set-cookie", "server", "alt-svc", "link", "refresh", "x-powered-by", "clear-site-data", "www-authenticate",
        "access-control-allow-origin", "strict-transport-security", "content-security-policy", "x-goog-api-key",
    }
    assert mirk.credential not in repr(raw.headers)


@both
def test_a_redirect_is_not_followed_and_not_passed_on(ask, streamed):
    with pytest.raises(openai.InternalServerError) as error:
        ask("sim-redirect", streamed)
    assert error.value.status_code == 502
    assert "location" not in error.value.response.headers


def test_an_error_in_place_of_a_stream_is_an_error(ask):
    with pytest.raises(openai.APIStatusError):
        ask("sim-json200", True)


def test_an_answer_shorter_than_it_claims_is_an_error(ask):
    with pytest.raises(REFUSED):
        ask("sim-short", False)


def test_a_stream_that_just_ends_is_an_error(ask):
    with pytest.raises(openai.APIError):
        ask("sim-nolength", True)


@both
def test_a_compressed_answer_that_was_not_asked_for_is_readable_or_an_error(ask, mirk, streamed):
    try:
        text = ask("sim-gzip", streamed)
    except REFUSED as error:
        assert getattr(error, "status_code", 502) == 502
    else:
        assert text == f"{mirk.completion} a b c d"
