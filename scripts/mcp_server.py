# /// script
# requires-python = ">=3.11,<3.15"
# dependencies = ["fae-training", "mcp>=2.3"]
# [tool.uv.sources]
# fae-training = { path = "../lib" }
# ///
"""Offer the scripts to other agents, over the Model Context Protocol on standard input and output.

    uv run scripts/mcp_server.py
    uv run scripts/mcp_server.py --home ~/.fae/training

Each script is a tool with the same name and parameters, and answers with the same JSON object. Trainings answer at once;
check_status with follow stays until the run ends and sends progress notifications. Nothing can be deployed without the
person's approval: the code on the proposal page, which no answer contains. It runs only on this machine and opens no port.
Exit status: 0 when the agent closes its end; 2 with --json or by Fae, which has the scripts themselves.
"""

import json

from fae_training.calls import calling, mcp_tools, verbs
from fae_training.calls.calling import Call, Result
from fae_training.calls.errors import BadRequest, SkillError
from fae_training.lifecycle.processes import scripts_directory

SECONDS_BETWEEN_CHECKS = 0.25
INSTRUCTIONS = (
    "Learn from this person on this machine: setup (only after the person said yes), export_data, train, check_status, "
    "evaluate, propose, deploy, and rollback to undo. Each answer has next, the call that usually follows. Only the person "
    "can approve a deployment: they read the code on the proposal page."
)


def main(call: Call) -> Result:
    if call.caller != "person":
        raise BadRequest(
            "not_this_way",
            "this script speaks the Model Context Protocol on standard output and gives no JSON answer",
            "give an agent this command, without arguments: uv run scripts/mcp_server.py",
        )
    import anyio

    anyio.run(serve, call)
    # Only the protocol may write to standard output.
    raise SystemExit(0)


async def serve(call: Call) -> None:
    """Answer until the agent closes its end."""
    import anyio
    from mcp import types
    from mcp.server.lowlevel import Server
    from mcp.server.stdio import stdio_server

    offered = verbs.load(scripts_directory())
    del offered["mcp_server"]

    async def list_tools(context, params) -> types.ListToolsResult:
        tools = [
            types.Tool(
                name=verb.name,
                description=verb.description,
                input_schema=mcp_tools.input_schema(verb),
            )
            for verb in offered.values()
        ]
        return types.ListToolsResult(tools=tools)

    async def call_tool(context, params) -> types.CallToolResult:
        given = params.arguments or {}
        try:
            if params.name not in offered:
                raise BadRequest(
                    "unknown_tool",
                    f"there is no tool {params.name!r}; the tools are {', '.join(offered)}",
                    "list the tools",
                )
            if params.name == "check_status" and given.get("follow"):
                while now := mcp_tools.progress(call.home, given):
                    await context.session.report_progress(*now)
                    await anyio.sleep(SECONDS_BETWEEN_CHECKS)
            answer = await anyio.to_thread.run_sync(
                mcp_tools.call, call.home, offered[params.name], given
            )
        except SkillError as error:
            answer = error.as_dict()
        return types.CallToolResult(
            content=[types.TextContent(type="text", text=json.dumps(answer))],
            structured_content=answer,
            is_error=answer["status"] == "error",
        )

    server = Server(
        "training-orchestrator",
        instructions=INSTRUCTIONS,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
    )
    async with stdio_server() as (reading, writing):
        await server.run(reading, writing, server.create_initialization_options())


def build_parser() -> calling.Parser:
    return calling.parser(__doc__)


if __name__ == "__main__":
    calling.run(main, build_parser())
