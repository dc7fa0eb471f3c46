"""Codex, headless, through Mirk: an answer, a command that really runs, and the fallback from its websocket."""

import http.client
import json
import shutil
import time
import urllib.parse

import pytest

from installation import NODE_MODULES

PROGRAM = NODE_MODULES / ".bin/codex"
pytestmark = pytest.mark.skipif(
    not PROGRAM.exists() or shutil.which("node") is None, reason="the npm package of Codex is not installed"
)
# Its own switches for everything that it does beside the task: plugins are fetched from the network at start.
QUIET = """
check_for_update_on_startup = false
[analytics]
enabled = false
[feedback]
enabled = false
[features]
plugins = false
remote_plugin = false
plugin_sharing = false
apps = false
"""
CUSTOM = """
model = "gpt-5.4"
model_provider = "mirk"
{quiet}
[model_providers.mirk]
name = "Mirk"
base_url = "{url}/v1"
env_key = "MIRK_KEY"
wire_api = "responses"
request_max_retries = 0
stream_max_retries = 0
"""
BUILT_IN = """
model = "gpt-5.4"
openai_base_url = "{url}/v1"
{quiet}
"""


@pytest.fixture
def codex(mirk, tmp_path):
    def run(config, prompt, *arguments, **environment):
        (tmp_path / "config.toml").write_text(config.format(url=mirk.url, quiet=QUIET))
        flags = ["--json", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox", *arguments]
        done = mirk.run([PROGRAM, "exec", *flags, prompt], {"CODEX_HOME": str(tmp_path)} | environment)
        return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]

    return run


def messages(events):
    items = [event["item"] for event in events if event["type"] == "item.completed"]
    return [item["text"] for item in items if item["type"] == "agent_message"]


def test_it_gets_its_answer_and_counts_what_mirk_counts(mirk, codex):
    before = mirk.usage()["usage"]
    code, events = codex(CUSTOM, mirk.says(), MIRK_KEY=mirk.key)
    assert code == 0
    assert messages(events) == [mirk.completion]
    (used,) = [event["usage"] for event in events if event["type"] == "turn.completed"]

    def spent(name):
        return sum(group[name] for group in mirk.usage()["usage"]) - sum(group[name] for group in before)

    assert used["input_tokens"] == spent("input_tokens") > 0
    assert used["cached_input_tokens"] == spent("cached_tokens") > 0
    assert used["output_tokens"] == spent("output_tokens") > 0
    assert used["reasoning_output_tokens"] == spent("reasoning_tokens")
    (received,) = mirk.received()
    assert received["target"] == "/v1/responses"
    kinds = {tool["type"] for tool in json.loads(received["body"])["tools"]}
    assert "function" in kinds and "namespace" in kinds
    names = [name for name, _ in received["headers"]]
    assert not [name for name in names if name.startswith("x-codex-") or name in ("session-id", "thread-id")]


def test_it_runs_a_command_and_gets_the_answer_to_its_output(mirk, codex):
    order = mirk.calls("exec_command", {"cmd": "echo mirk-tool-$((40 + 2))"})
    code, events = codex(CUSTOM, order, MIRK_KEY=mirk.key)
    assert code == 0
    items = [event["item"] for event in events if event["type"] == "item.completed"]
    (ran,) = [item for item in items if item["type"] == "command_execution"]
    assert (ran["exit_code"], ran["aggregated_output"]) == (0, "mirk-tool-42\n")
    (answer,) = messages(events)
    assert answer.startswith("The tool said:") and "mirk-tool-42" in answer
    assert len(mirk.received()) == 2


def test_its_built_in_provider_falls_back_from_the_websocket_at_once(mirk, codex):
    began = time.monotonic()
    code, events = codex(BUILT_IN, mirk.says(), CODEX_API_KEY=mirk.key)
    assert code == 0
    assert messages(events) == [mirk.completion]
    # Any other answer than 426 makes it try the websocket again for about seven seconds.
    assert time.monotonic() - began < 5
    (received,) = mirk.received()
    assert (received["method"], received["target"]) == ("POST", "/v1/responses")


@pytest.mark.rows(0)
def test_a_websocket_is_answered_with_426(mirk):
    address = urllib.parse.urlsplit(mirk.url)
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=10)
    connection.request("GET", "/v1/responses", headers={
        "Authorization": f"Bearer {mirk.key}",
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "openai-beta": "responses_websockets=2026-02-06",
    })
    answer = connection.getresponse()
    assert answer.status == 426
    assert json.loads(answer.read())["error"]["message"]
    connection.close()


@pytest.mark.rows(0)
def test_a_wrong_key_ends_the_turn_as_failed(mirk, codex):
    code, events = codex(CUSTOM, mirk.says(), MIRK_KEY=mirk.key[:-6] + "000000")
    assert code != 0
    assert [event for event in events if event["type"] == "turn.failed"]
    assert messages(events) == [] and mirk.received() == []


def test_a_stream_that_breaks_ends_the_turn_as_failed(mirk, codex):
    code, events = codex(CUSTOM, mirk.says(" a b c d"), "--model", "sim-cut", MIRK_KEY=mirk.key)
    assert code != 0
    assert [event for event in events if event["type"] == "turn.failed"]
    assert not [event for event in events if event["type"] == "turn.completed"]
