"""What a key may not do, as each SDK sees it: too often, with another model, after it was revoked."""

import json

import anthropic
import openai
import pytest
from google import genai
from google.genai import errors, types

MODELS = {"openai": "gpt-5.4", "anthropic": "claude-opus-5-5", "google": "gemini-2.5-flash"}


@pytest.fixture(params=sorted(MODELS))
def ask(request, mirk):
    """One question in one SDK's way: gives the status, the headers of a refusal and the SDK's error."""
    return {"openai": ask_openai, "anthropic": ask_anthropic, "google": ask_google}[request.param](mirk)


def ask_openai(mirk):
    def ask(key, model=MODELS["openai"]):
        client = openai.OpenAI(base_url=f"{mirk.url}/v1", api_key=key, max_retries=0)
        try:
            client.chat.completions.create(model=model, messages=[{"role": "user", "content": mirk.says()}])
        except openai.APIStatusError as error:
            return error.status_code, error.response.headers, error
        return 200, {}, None

    return ask


def ask_anthropic(mirk):
    def ask(key, model=MODELS["anthropic"]):
        client = anthropic.Anthropic(base_url=mirk.url, api_key=key, max_retries=0)
        messages = [{"role": "user", "content": mirk.says()}]
        try:
            client.messages.create(model=model, max_tokens=64, messages=messages)
        except anthropic.APIStatusError as error:
            return error.status_code, error.response.headers, error
        return 200, {}, None

    return ask


def ask_google(mirk):
    def ask(key, model=MODELS["google"]):
        options = types.HttpOptions(base_url=mirk.url)
        client = genai.Client(api_key=key, vertexai=False, http_options=options)
        try:
            client.models.generate_content(model=model, contents=mirk.says())
        except errors.APIError as error:
            return error.code, error.response.headers, error
        return 200, {}, None

    return ask


@pytest.fixture
def make(mirk):
    """Makes keys that are revoked after the test: an installation has few at once."""
    kids = []

    def make(*limits):
        made = json.loads(mirk.mirk("key", "create", "--label", "limited", "--json", *limits))
        kids.append(made["kid"])
        return made["kid"], made["key"]

    yield make
    live = {key["kid"] for key in json.loads(mirk.mirk("key", "list", "--json"))["keys"] if key["state"] == "live"}
    for kid in live.intersection(kids):
        mirk.mirk("key", "revoke", kid)


EXPECTED = {
    429: (openai.RateLimitError, anthropic.RateLimitError, errors.ClientError),
    403: (openai.PermissionDeniedError, anthropic.PermissionDeniedError, errors.ClientError),
    401: (openai.AuthenticationError, anthropic.AuthenticationError, errors.ClientError),
}


@pytest.mark.rows(2)
def test_a_key_over_its_rate_is_limited_and_told_how_long(mirk, ask, make):
    _, limited = make("--rpm", "1")
    assert ask(limited)[0] == 200
    status, headers, error = ask(limited)
    assert status == 429 and isinstance(error, EXPECTED[429])
    assert 1 <= int(headers["retry-after"]) <= 60
    assert len(mirk.received()) == 1


@pytest.mark.rows(1)
def test_a_key_for_other_models_is_not_permitted(mirk, ask, make):
    _, limited = make("--models", "text-embedding-*")
    status, _, error = ask(limited)
    assert status == 403 and isinstance(error, EXPECTED[403])
    assert mirk.received() == []


@pytest.mark.rows(1)
def test_a_key_without_the_scope_is_not_permitted(mirk, ask, make):
    _, limited = make("--scope", "embeddings")
    status, _, error = ask(limited)
    assert status == 403 and isinstance(error, EXPECTED[403])
    assert mirk.received() == []


def test_a_revoked_key_is_dead_when_the_command_ends(mirk, ask, make):
    kid, revoked = make()
    assert ask(revoked)[0] == 200
    mirk.mirk("key", "revoke", kid)
    status, _, error = ask(revoked)
    assert status == 401 and isinstance(error, EXPECTED[401])
    assert revoked not in str(error) and kid not in str(error)
    assert len(mirk.received()) == 1
