"""Each client in front of a provider that speaks another dialect alone: an answer, a tool that runs, and what is said of it."""

import base64
import json
import shutil
import urllib.request

import anthropic
import openai
import pytest

from installation import NODE_MODULES, PATIENCE
from test_claude_code import QUIET as CLAUDE_QUIET
from test_claude_code import WRAPPER
from test_codex import CUSTOM, messages
from test_codex import PROGRAM as CODEX
from test_codex import QUIET as CODEX_QUIET

# The dialect that the provider speaks, the kind that it is added as, and the path that the model is asked at.
PROVIDERS = {
    "openai-chat": ("openai-compatible", "/v1", "/v1/chat/completions"),
    "openai-responses": ("openai-compatible", "/v1", "/v1/responses"),
    "anthropic": ("anthropic", "", "/v1/messages"),
    "gemini": ("gemini", "", "/v1beta/models/"),
    "ollama": ("ollama", "", "/api/chat"),
}
TOOL = {
    "name": "add",
    "description": "Adds two numbers.",
    "parameters": {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}, "required": ["a", "b"]},
}

needs_node = pytest.mark.skipif(shutil.which("node") is None or not NODE_MODULES.exists(), reason="the npm packages are not installed")


class Provider:
    """A provider that speaks one dialect, and the model that leads there."""

    def __init__(self, mirk, dialect):
        kind, path, self.path = PROVIDERS[dialect]
        self.dialect = dialect
        self.mirk = mirk
        self.sim = mirk.other_sim(dialect)
        self.model = f"only-{dialect}/some-model"
        # Ollama takes a credential if there is one; then the same is checked of all.
        mirk.mirk(
            "provider", "add", f"only-{dialect}", "--kind", kind, "--base-url", self.sim + path, "--secret", "env:CREDENTIAL",
            CREDENTIAL=mirk.credential,
        )

    def _ask(self, method):
        request = urllib.request.Request(self.sim + "/_sim/requests", method=method)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=PATIENCE) as answer:
            return answer.read()

    def forget(self):
        self._ask("DELETE")

    def received(self):
        """The bodies that were answered here, in order; every one came in the provider's own dialect."""
        requests = json.loads(self._ask("GET"))["requests"]
        answered = [one for one in requests if one["target"].startswith(self.path)]
        for one in requests:
            assert "mrk_" not in repr(one)
        return [json.loads(base64.b64decode(one["body"])) for one in answered]


@pytest.fixture(scope="session")
def providers(mirk):
    return {dialect: Provider(mirk, dialect) for dialect in PROVIDERS}


@pytest.fixture(params=PROVIDERS)
def provider(request, providers):
    found = providers[request.param]
    found.forget()
    return found


@pytest.mark.rows(2)
@needs_node
def test_claude_code_completes_a_task_with_a_tool(mirk, provider):
    order = mirk.calls("Bash", {"command": "echo mirk-tool-$((40 + 2))", "description": "Add"})
    settings = {"ANTHROPIC_BASE_URL": mirk.url, "ANTHROPIC_AUTH_TOKEN": mirk.key, "ANTHROPIC_MODEL": provider.model} | CLAUDE_QUIET
    command = ["node", WRAPPER, "-p", order, "--output-format", "json", "--allowedTools", "Bash"]
    done = mirk.run(command, settings)
    said = json.loads(done.stdout)
    assert (done.returncode, said["is_error"], said["num_turns"]) == (0, False, 2), said.get("result")
    assert said["result"] == "The tool said: mirk-tool-42"
    assert len(provider.received()) == 2
    used = said["usage"]
    assert used["input_tokens"] + used["cache_read_input_tokens"] > 0 and used["output_tokens"] > 0


@pytest.mark.rows(2)
@needs_node
def test_codex_completes_a_task_with_a_command(mirk, provider, tmp_path):
    config = CUSTOM.format(url=mirk.url, quiet=CODEX_QUIET).replace('"gpt-5.4"', f'"{provider.model}"')
    (tmp_path / "config.toml").write_text(config)
    order = mirk.calls("exec_command", {"cmd": "echo mirk-tool-$((40 + 2))"})
    flags = ["--json", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox"]
    done = mirk.run([CODEX, "exec", *flags, order], {"CODEX_HOME": str(tmp_path), "MIRK_KEY": mirk.key})
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0, [event for event in events if event["type"] in ("error", "turn.failed")]
    items = [event["item"] for event in events if event["type"] == "item.completed"]
    (ran,) = [item for item in items if item["type"] == "command_execution"]
    assert (ran["exit_code"], ran["aggregated_output"]) == (0, "mirk-tool-42\n")
    (answer,) = messages(events)
    assert answer.startswith("The tool said:") and "mirk-tool-42" in answer
    assert len(provider.received()) == 2


@pytest.mark.rows(2)
@pytest.mark.parametrize("is_stream", [False, True], ids=["whole", "streamed"])
def test_the_openai_sdk_completes_a_tool_loop(mirk, provider, is_stream):
    client = openai.OpenAI(base_url=mirk.url + "/v1", api_key=mirk.key, max_retries=0)
    conversation = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": mirk.calls("add", {"a": 40, "b": 2})}]
    tools = [{"type": "function", "function": TOOL}]

    def ask():
        asked = {"model": provider.model, "messages": conversation, "tools": tools}
        if not is_stream:
            return client.chat.completions.create(**asked).choices[0]
        with client.chat.completions.stream(**asked) as stream:
            return stream.get_final_completion().choices[0]

    choice = ask()
    assert choice.finish_reason == "tool_calls"
    (call,) = choice.message.tool_calls
    assert (call.function.name, json.loads(call.function.arguments)) == ("add", {"a": 40, "b": 2})
    conversation.append({
        "role": "assistant", "content": choice.message.content,
        "tool_calls": [{"id": call.id, "type": "function", "function": {"name": "add", "arguments": call.function.arguments}}],
    })
    conversation.append({"role": "tool", "tool_call_id": call.id, "content": "42"})
    choice = ask()
    assert (choice.finish_reason, choice.message.content) == ("stop", "The tool said: 42")
    if provider.dialect != "openai-chat":
        assert len(provider.received()) == 2


@pytest.mark.rows(2)
@pytest.mark.parametrize("is_stream", [False, True], ids=["whole", "streamed"])
def test_the_anthropic_sdk_completes_a_tool_loop(mirk, provider, is_stream):
    client = anthropic.Anthropic(base_url=mirk.url, api_key=mirk.key, max_retries=0)
    conversation = [{"role": "user", "content": mirk.calls("add", {"a": 40, "b": 2})}]
    tools = [{"name": "add", "description": TOOL["description"], "input_schema": TOOL["parameters"]}]

    def ask():
        asked = {"model": provider.model, "max_tokens": 512, "messages": conversation, "tools": tools}
        if not is_stream:
            return client.messages.create(**asked)
        with client.messages.stream(**asked) as stream:
            return stream.get_final_message()

    message = ask()
    assert message.stop_reason == "tool_use"
    (call,) = [block for block in message.content if block.type == "tool_use"]
    assert (call.name, call.input) == ("add", {"a": 40, "b": 2})
    conversation.append({"role": "assistant", "content": [block.model_dump(exclude_none=True) for block in message.content]})
    conversation.append({"role": "user", "content": [{"type": "tool_result", "tool_use_id": call.id, "content": "42"}]})
    message = ask()
    assert message.stop_reason == "end_turn"
    assert "".join(block.text for block in message.content if block.type == "text") == "The tool said: 42"
    assert message.usage.output_tokens > 0


@pytest.mark.rows(1)
def test_what_was_lost_is_named(mirk, providers):
    provider = providers["anthropic"]
    client = openai.OpenAI(base_url=mirk.url + "/v1", api_key=mirk.key, max_retries=0)
    answer = client.chat.completions.with_raw_response.create(
        model=provider.model, messages=[{"role": "user", "content": mirk.says()}], seed=7, logit_bias={"1": 1},
    )
    transforms = answer.headers["x-mirk-transforms"].split(", ")
    assert transforms == ["translated:openai-chat>anthropic", "dropped:seed", "dropped:logit_bias"]


@pytest.mark.rows(1)
def test_what_cannot_be_said_is_refused_by_name(mirk, providers):
    provider = providers["anthropic"]
    client = openai.OpenAI(base_url=mirk.url + "/v1", api_key=mirk.key, max_retries=0)
    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(model=provider.model, messages=[{"role": "user", "content": mirk.says()}], n=2)
    assert refused.value.param == "n"
