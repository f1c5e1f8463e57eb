"""A model's greedy answers to the items of the suite, asked as Fae's runtime does."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from fae_training.capabilities.checks import bare_call, written
from fae_training.capabilities.settled import is_wrong
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
    model, tokenizer, items: Sequence[Item], check: Callable[[], None] = lambda: None
) -> list[str]:
    """The text of the answer to each item, in the items' order; "" where the template cannot write
    the prompt. check is called after each step and may raise to end the work."""
    found = [""] * len(items)
    prompts = prompted(tokenizer, items)
    for number, tokens in finished(model, tokenizer, items, prompts, check):
        found[number] = text_of(tokenizer, tokens, prompts[number])
    return found


def finished(
    model,
    tokenizer,
    items: Sequence[Item],
    prompted: Sequence[Prompted],
    check: Callable[[], None],
    only_verdicts: bool = False,
) -> Iterator[tuple[int, list[int]]]:
    """(number of the item, its answer without the end token) as each is finished, in any order; none
    for an item without a prompt. Cut at the item's limit where the model did not finish.

    only_verdicts: an answer may also end where it is certain to fail its item's checks. The order of
    the items does not matter: they are answered in a fixed order.
    """
    asked = [number for number, prompt in enumerate(prompted) if prompt.tokens]
    # Otherwise the beginning of an answer may read differently once it is continued.
    readable = not getattr(tokenizer, "clean_up_tokenization_spaces", False)

    def settled(index: int, tokens: list[int]) -> bool:
        item, native = items[asked[index]], prompted[asked[index]].native
        return is_wrong(item, tokenizer.decode(tokens), native)

    for index, tokens in generation.finished_answers(
        model,
        tokenizer,
        [prompted[number].tokens for number in asked],
        [items[number].max_tokens for number in asked],
        check,
        settled if only_verdicts and readable else lambda index, tokens: False,
    ):
        yield asked[index], tokens


def text_of(tokenizer, tokens: list[int], prompted: Prompted) -> str:
    """The text of an answer, with its call marked also where the template has no marks for calls."""
    return _with_marks(tokenizer.decode(tokens).strip(), prompted.native)


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
    if native:
        return text
    call = bare_call(text)
    # What only looks like a mark makes no call here.
    return written(call) if call else text.replace("<tool_call>", "<tool_call >")


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
