"""The scripts as tools of the Model Context Protocol, called with the SDK's own client over standard input and output."""

import contextlib
import json
import sys

import anyio
import pytest

import calls
import prepared
import small_runs
from fae_training.calls import mcp_tools, verbs
from fae_training.lifecycle import kinds
from fae_training.release import deployment
from fae_training.store import state

VERBS = verbs.load(calls.SCRIPTS)


@contextlib.asynccontextmanager
async def session(home):
    import os

    from mcp import ClientSession, StdioServerParameters
    from mcp.client.stdio import stdio_client

    server = StdioServerParameters(
        command=sys.executable,
        args=[str(calls.SCRIPTS / "mcp_server.py"), "--home", str(home)],
        env={**os.environ, "FAE_SKILL_TIMEOUT": "30"},
    )
    async with stdio_client(server) as streams, ClientSession(*streams) as client:
        await client.initialize()
        yield client


def in_session(home, talk):
    """What the coroutine function `talk(client)` returns, in a session with a server for `home`."""

    async def run():
        async with session(home) as client:
            return await talk(client)

    return anyio.run(run)


def test_the_tools_are_the_scripts_with_their_own_parameters(home):
    async def talk(client):
        return (await client.list_tools()).tools

    tools = {tool.name: tool for tool in in_session(home, talk)}
    assert set(tools) == set(VERBS) - {"mcp_server"}
    train = tools["train"].input_schema["properties"]
    assert train["preset"]["enum"] == list(kinds.KINDS["sft"].presets)
    assert train["steps"] == {"type": "integer", "minimum": 1, "maximum": 1_000_000, "description": "optimizer updates"}  # fmt: skip
    assert train["set"]["type"] == "array" and train["force"]["type"] == "boolean"
    assert tools["list_runs"].input_schema["properties"]["html"]["anyOf"][0] == {"type": "boolean"}
    assert "code" in tools["deploy"].input_schema["properties"]
    for tool in tools.values():
        assert not {"home", "json", "stdin", "worker", "task"} & set(
            tool.input_schema["properties"]
        )
        assert f"scripts/{tool.name}.py" in tool.description


@pytest.mark.parametrize("verb", VERBS.values(), ids=VERBS)
def test_every_option_of_every_script_is_in_its_schema(verb):
    found = set(mcp_tools.input_schema(verb)["properties"])
    hidden = {"home", "json", "stdin", "detach", "worker", "task"}
    assert found == set(verb.parser.options) - hidden


def test_a_tool_answers_as_its_script_does_errors_too(home):
    async def talk(client):
        status = await client.call_tool("check_status", {})
        wrong = await client.call_tool("train", {"presett": "light"})
        refused = await client.call_tool("export_data", {})
        unknown = await client.call_tool("format_disk", {})
        return status, wrong, refused, unknown

    status, wrong, refused, unknown = in_session(home, talk)
    assert not status.is_error
    assert status.structured_content == calls.answer("check_status", home=home)
    assert json.loads(status.content[0].text) == status.structured_content
    assert wrong.is_error and "did you mean 'preset'" in wrong.content[0].text
    assert refused.structured_content["error"]["code"] == "no_consent"
    assert unknown.is_error and "the tools are" in unknown.content[0].text


def test_nothing_is_deployed_without_the_persons_code(home):
    place = prepared.allowed(home)
    run = prepared.judged(place)

    async def talk(client):
        proposed = await client.call_tool("propose", {"run": run.id})
        without = await client.call_tool("deploy", {"run": run.id})
        wrong = await client.call_tool("deploy", {"run": run.id, "code": "AAA-AAA"})
        return proposed, without, wrong

    proposed, without, wrong = in_session(home, talk)
    code = calls.approval_code(home, run.id)
    assert proposed.structured_content["status"] == "proposed"
    assert code not in proposed.model_dump_json()
    for refused in (without, wrong):
        assert refused.is_error and code not in refused.model_dump_json()
    assert without.structured_content["error"]["code"] == "not_approved"
    assert deployment.deployments(place).get("language", []) == []


def test_a_training_answers_at_once_and_its_progress_is_reported_until_it_ends(home):
    small_runs.fill(home, choose=2, judge=5, tasks=5)
    notifications: list[tuple] = []

    async def progressed(progress, total, message):
        notifications.append((progress, total, message))

    async def talk(client):
        given = {"preset": "smoke", "model": str(calls.LANGUAGE_MODEL), "rank": 4}
        given["set"] = ["steps=6", "rehearsal=0"]
        started = await client.call_tool("train", given)
        ended = await client.call_tool(
            "check_status", {"follow": True}, progress_callback=progressed
        )
        return started, ended

    started, ended = in_session(home, talk)
    assert started.structured_content["status"] == "started"
    assert ended.structured_content["status"] == "completed"
    assert ended.structured_content["run"] == started.structured_content["run"]
    steps = [progress for progress, *_ in notifications]
    assert steps == sorted(steps) and {total for _, total, _ in notifications} == {6}
    assert all(started.structured_content["run"] in message for *_, message in notifications)


def test_it_speaks_only_the_protocol(home):
    got = calls.script("mcp_server", "--json", home=home)
    assert got.status == 2 and got.json["error"]["code"] == "not_this_way"
    silent = calls.script("mcp_server", home=home)
    assert (silent.status, silent.out) == (0, "")
    assert not state.Home(home).file("errors.jsonl").exists()
