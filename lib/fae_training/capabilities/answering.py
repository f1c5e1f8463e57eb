"""A model's greedy answers to the items of the suite, asked as Fae's runtime does."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import takewhile

from fae_training.capabilities.checks import bare_call, written
from fae_training.capabilities.task import Item
from fae_training.language import generation
from fae_training.language.chat_encoder import CannotEncode, ChatEncoder
from fae_training.language.chat_template import render
from fae_training.language.rows import encode_prompt

TOOLS_IN_WORDS = """You can use these tools:
{tools}

To use a tool, reply with one JSON object and nothing else, for example
{{"name": "greet", "arguments": {{"who": "Ana"}}}}
for a tool called greet with the parameter who. When no tool is needed, or when a tool has returned, reply in words."""
_PROBE = "probe_of_the_template"


@dataclass(frozen=True)
class Prompted:
    """The prompt of an item; native: tools are in the template's own form. No tokens: the template
    cannot write it."""

    tokens: list[int]
    native: bool


def prompted(tokenizer, items: Sequence[Item]) -> list[Prompted]:
    encoder = ChatEncoder(tokenizer)
    native = has_tool_format(tokenizer)
    return [Prompted(_prompt(encoder, item, native), native) for item in items]


def answers(
    model, tokenizer, items: Sequence[Item], advance: Callable[[int], None] = lambda done: None
) -> list[str]:
    """The text of the answer to each item, in the items' order; "" where the template cannot write
    the prompt."""
    prompts = prompted(tokenizer, items)
    found = answer_tokens(model, tokenizer, items, prompts, advance)
    return [
        _with_marks(tokenizer.decode(tokens).strip(), prompt.native)
        for prompt, tokens in zip(prompts, found, strict=True)
    ]


def answer_tokens(
    model,
    tokenizer,
    items: Sequence[Item],
    prompted: Sequence[Prompted],
    advance: Callable[[int], None] = lambda done: None,
) -> list[list[int]]:
    """The tokens of each answer without the end token; cut at the item's limit where the model did not finish.

    advance(done) is called after each step with the number of finished answers, and may raise to
    end the work. The order of the items does not matter: they are answered in a fixed order.
    """
    prompts = [prompt.tokens for prompt in prompted]
    order = [i for i in range(len(items)) if prompts[i]]
    order.sort(key=lambda i: (_opening(items[i]), len(prompts[i]), prompts[i]))
    found: list[list[int]] = [[] for _ in items]
    done = 0
    finished = generation.finished_answers(
        model,
        tokenizer,
        [prompts[i] for i in order],
        [items[i].max_tokens for i in order],
        _shared(items, prompts, order),
        lambda: advance(done),
    )
    for number, tokens in finished:
        found[order[number]] = tokens
        done += 1
    advance(done)
    return found


def has_tool_format(tokenizer) -> bool:
    """Whether a model's chat template presents tools to the model at all."""
    tool = {
        "type": "function",
        "function": {
            "name": _PROBE,
            "description": "",
            "parameters": {"type": "object", "properties": {}},
        },
    }
    try:
        return _PROBE in render(tokenizer, [{"role": "user", "content": "Hello"}], [tool], True)
    except Exception:  # a template is a program and may raise anything
        return False


def _with_marks(text: str, native: bool) -> str:
    """An answer with its call marked, even where the template has no marks for calls."""
    call = None if native else bare_call(text)
    return written(call) if call else text


def _prompt(encoder: ChatEncoder, item: Item, native: bool) -> list[int]:
    forms: list[tuple[list[dict], list[dict] | None]] = [(in_words(item), None)]
    if native or not item.tools:
        forms.insert(0, (list(item.messages), list(item.tools)))
    for messages, tools in forms:
        try:
            return encode_prompt(encoder, messages, tools)
        except CannotEncode:
            continue
    return []


def in_words(item: Item) -> list[dict]:
    """The item's messages for a template without a form for tools: tools in the system message,
    calls as JSON."""
    messages = [_in_words(message) for message in item.messages]
    if not item.tools:
        return messages
    system = TOOLS_IN_WORDS.format(tools="\n".join(map(_tool_in_words, item.tools)))
    if messages[0]["role"] == "system":
        system = f"{messages.pop(0)['content']}\n\n{system}"
    return [{"role": "system", "content": system}, *messages]


def _tool_in_words(tool: dict) -> str:
    function = tool["function"]
    parameters = function.get("parameters", {})
    required = parameters.get("required", ())
    described = [
        f"{name} ({_values(schema)}{', required' if name in required else ''})"
        for name, schema in parameters.get("properties", {}).items()
    ]
    return f"- {function['name']}: {function.get('description', '')}. Parameters: {', '.join(described) or 'none'}"


def _values(schema: dict) -> str:
    if "enum" in schema:
        return " or ".join(json.dumps(value) for value in schema["enum"])
    return schema.get("description") or schema.get("type", "any value")


def _in_words(message: dict) -> dict:
    text = message["content"]
    if message["role"] == "tool":
        return {
            "role": "user",
            "content": f"The tool returned: {text}\nTell me in words what that means for what I asked.",
        }
    calls = [
        json.dumps(call["function"], ensure_ascii=False) for call in message.get("tool_calls", ())
    ]
    return {"role": message["role"], "content": "\n".join(part for part in (text, *calls) if part)}


def _opening(item: Item) -> str:
    """The text before an item's conversation, the same for the same tools and system message."""
    system = [message["content"] for message in item.messages if message["role"] == "system"]
    return json.dumps([item.tools, system])


def _shared(items: Sequence[Item], prompts: list[list[int]], order: list[int]) -> list[int]:
    """For each prompt in `order` the number of first tokens common to all prompts with the same opening."""
    groups: dict[str, list[int]] = {}
    for i in order:
        groups.setdefault(_opening(items[i]), []).append(i)
    length = {}
    for members in groups.values():
        first, last = min(prompts[i] for i in members), max(prompts[i] for i in members)
        same = sum(
            1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False))
        )
        length |= {i: min(same, len(first) - 1) for i in members}
    return [length[i] for i in order]
