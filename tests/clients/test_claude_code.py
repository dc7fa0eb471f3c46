"""Claude Code, headless, through Mirk: an answer, a tool that really runs, its own fallback, and a wrong key."""

import json
import shutil

import pytest

from installation import NODE_MODULES

# The wrapper starts the native program where npm put it; `.bin/claude` needs an install script that is not run here.
WRAPPER = NODE_MODULES / "@anthropic-ai/claude-code/cli-wrapper.cjs"
pytestmark = pytest.mark.skipif(
    not WRAPPER.is_file() or shutil.which("node") is None, reason="the npm package of Claude Code is not installed"
)
# Its own documented switches; CLAUDE_CODE_MAX_RETRIES keeps a failure short.
QUIET = {
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "DISABLE_TELEMETRY": "1",
    "DISABLE_ERROR_REPORTING": "1",
    "DISABLE_AUTOUPDATER": "1",
    "CLAUDE_CODE_MAX_RETRIES": "1",
}


@pytest.fixture
def claude(mirk):
    def run(prompt, *arguments, **environment):
        settings = {"ANTHROPIC_BASE_URL": mirk.url, "ANTHROPIC_AUTH_TOKEN": mirk.key} | QUIET | environment
        command = ["node", WRAPPER, "-p", prompt, "--output-format", "json", *arguments]
        done = mirk.run(command, settings)
        return done.returncode, json.loads(done.stdout)

    return run


def test_it_gets_its_answer_and_mirk_counts_what_it_counts(mirk, claude):
    def counted():
        groups = mirk.usage()["usage"]
        return {name: sum(group[name] for group in groups) for name in
                ("input_tokens", "cached_tokens", "cache_write_tokens", "output_tokens")}

    before = counted()
    code, said = claude(mirk.says())
    assert (code, said["is_error"], said["subtype"]) == (0, False, "success")
    assert said["result"] == mirk.completion
    used, spent = said["usage"], {name: after - before[name] for name, after in counted().items()}
    cached, written = used["cache_read_input_tokens"], used["cache_creation_input_tokens"]
    assert cached > 0 and written > 0
    assert spent == {
        # Anthropic counts what was cached apart; the ledger's input is all of it.
        "input_tokens": used["input_tokens"] + cached + written,
        "cached_tokens": cached,
        "cache_write_tokens": written,
        "output_tokens": used["output_tokens"],
    }


def test_what_it_sends_arrives_byte_for_byte_in_what_it_needs(mirk, claude):
    claude(mirk.says())
    (received,) = mirk.received()
    assert received["target"] == "/v1/messages?beta=true"
    headers = dict(received["headers"])
    assert "claude-code-20250219" in headers["anthropic-beta"]
    assert headers["anthropic-version"] == "2023-06-01"
    assert int(headers["content-length"]) == len(received["body"])
    # What tells one session, machine or person from another stays here.
    assert not [name for name in headers if name.startswith(("x-claude-code-", "x-stainless-", "x-app"))]
    body = json.loads(received["body"])
    assert body["stream"] is True and body["tools"] and body["context_management"]


def test_it_runs_a_tool_and_gets_the_answer_to_its_result(mirk, claude):
    order = mirk.calls("Bash", {"command": "echo mirk-tool-$((40 + 2))", "description": "Add"})
    code, said = claude(order, "--allowedTools", "Bash")
    assert (code, said["is_error"], said["num_turns"]) == (0, False, 2)
    assert said["permission_denials"] == []
    assert said["result"] == "The tool said: mirk-tool-42"
    assert len(mirk.received()) == 2


def test_a_stale_provider_key_beside_ours_does_not_hurt(mirk, claude):
    code, said = claude(mirk.says(), ANTHROPIC_API_KEY="sk-ant-stale")
    assert (code, said["result"]) == (0, mirk.completion)
    assert "sk-ant-stale" not in repr(mirk.received())


def test_it_falls_back_when_the_providers_own_words_say_so(mirk, claude):
    words = "context_management: Extra inputs are not permitted"
    body = {"type": "error", "error": {"type": "invalid_request_error", "message": words}, "request_id": "req_1"}
    mirk.script(400, {"content-type": "application/json"}, json.dumps(body))
    code, said = claude(mirk.says())
    assert (code, said["result"]) == (0, mirk.completion)
    first, second = (json.loads(received["body"]) for received in mirk.received())
    assert "context_management" in first and "context_management" not in second


@pytest.mark.rows(0)
def test_a_wrong_key_is_an_error_that_it_shows(mirk, claude):
    code, said = claude(mirk.says(), ANTHROPIC_AUTH_TOKEN=mirk.key[:-6] + "000000")
    assert code != 0 and said["is_error"] and said["api_error_status"] == 401
    assert mirk.received() == []


def test_a_stream_that_breaks_is_not_taken_for_an_answer(mirk, claude):
    code, said = claude(mirk.says(" a b c d"), "--model", "claude-sim-cut")
    assert code != 0 and said["is_error"]
    assert mirk.received()
