"""From conversations to token rows: one row for each turn of the assistant, in the model's own template."""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from fae_training import state
from fae_training.errors import BadRequest, Missing
from fae_training.language.chat_template import end_of_turn, ends_turn, render

# Part of the cache's key: raise it when the same conversation would give other rows.
FORMAT = 2


@dataclass(frozen=True)
class TokenRow:
    """One training example. The targets are tokens[supervised_from:], the answer and its end token.

    weight multiplies each target's loss; source says where the row is from; cut_tokens is how much of the
    conversation had to be left out for the row to fit.
    """

    tokens: list[int]
    supervised_from: int
    weight: float = 1.0
    source: str = ""
    cut_tokens: int = 0


def encode_conversation(
    tokenizer,
    messages: list[dict],
    tools: list[dict] | None = None,
    max_tokens: int = 2048,
    weight: float = 1.0,
    source: str = "",
) -> list[TokenRow]:
    """A row for each assistant turn, with everything before it as its prompt.

    The prompt is what Fae's runtime sends for that turn (enable_thinking=False), so the model is trained on
    the text that it will see. The answer is what the template makes of the turn: its text, or its tool
    calls in the model's native form. A conversation that is too long loses its oldest turns, then the
    start of what is left, but keeps the system message; a too long answer loses its end, and with it the
    end token. Raises BadRequest when the template does not render a turn after its own prompt.
    """
    messages = [_with_parsed_arguments(message) for message in messages]
    rows = []
    for index, message in enumerate(messages):
        # A weight of 0 on an answer, as chat fine-tuning files have it: context, not a target.
        if message["role"] == "assistant" and message.get("weight", 1) != 0:
            rows.append(
                _encode_turn(tokenizer, messages[: index + 1], tools, max_tokens, weight, source)
            )
    return rows


def encode_answer(
    tokenizer,
    prompt: list[dict],
    answer: list[dict],
    tools: list[dict] | None = None,
    max_tokens: int = 2048,
    weight: float = 1.0,
    source: str = "",
) -> TokenRow:
    """The one row of an answer (a list of one assistant message) to a prompt, as preference pairs have them."""
    messages = [_with_parsed_arguments(message) for message in [*prompt, *answer]]
    return _encode_turn(tokenizer, messages, tools, max_tokens, weight, source)


def _encode_turn(tokenizer, messages, tools, max_tokens, weight, source) -> TokenRow:
    answer = tokenizer.encode(_answer_text(tokenizer, messages, tools), add_special_tokens=False)
    if not ends_turn(tokenizer, answer[-1]):
        answer.append(tokenizer.eos_token_id)
    prompt = _prompt_tokens(tokenizer, messages[:-1], tools)
    whole = len(prompt) + len(answer)
    if whole > max_tokens:
        # An answer longer than half of the room is cut to what a prompt that is cut to the other half leaves.
        answer = answer[: max(max_tokens - len(prompt), max_tokens - max_tokens // 2)]
        prompt = _shortened_prompt(tokenizer, messages[:-1], tools, max_tokens - len(answer))
    return TokenRow(
        tokens=prompt + answer,
        supervised_from=len(prompt),
        weight=weight,
        source=source,
        cut_tokens=whole - len(prompt) - len(answer),
    )


def _shortened_prompt(tokenizer, messages, tools, room: int) -> list[int]:
    """The prompt without its oldest turns; what is still too long loses the start of what follows the system message."""
    system = [message for message in messages[:1] if message["role"] == "system"]
    rest = messages[len(system) :]
    while True:
        prompt = _prompt_tokens(tokenizer, system + rest, tools)
        # The template wants a question, so turns are dropped up to the next message of the user.
        later = [i for i, message in enumerate(rest) if i and message["role"] == "user"]
        if len(prompt) <= room:
            return prompt
        if not later:
            break
        rest = rest[later[0] :]
    start = common_length(prompt, _system_tokens(tokenizer, system, tools))
    if start > room // 2:
        start = 0
    return prompt[:start] + prompt[len(prompt) - (room - start) :]


def _system_tokens(tokenizer, system, tools) -> list[int]:
    """A prompt with the same start and another question: what both share is the system message."""
    other = [{"role": "user", "content": "\u2042"}]
    return _prompt_tokens(tokenizer, system + other, tools) if system or tools else []


def common_length(a: list[int], b: list[int]) -> int:
    """How many tokens two rows share at their start."""
    low, high = 0, min(len(a), len(b))
    if a[:high] == b[:high]:
        return high
    while high - low > 1:
        middle = (low + high) // 2
        if a[low:middle] == b[low:middle]:
            low = middle
        else:
            high = middle
    return low


def _prompt_tokens(tokenizer, messages, tools) -> list[int]:
    return tokenizer.encode(render(tokenizer, messages, tools, True), add_special_tokens=False)


def _answer_text(tokenizer, messages, tools) -> str:
    """The last message as the template writes it after the prompt, with its end token and nothing after that."""
    prompt = render(tokenizer, messages[:-1], tools, True)
    whole = render(tokenizer, messages, tools, False)
    if not whole.startswith(prompt):
        raise BadRequest(
            "template_mismatch",
            "the model's chat template writes an assistant turn in another way than the prompt announces it: "
            f"the prompt ends in {prompt[-40:]!r}, the turn is {whole[len(prompt) - 40 :][:80]!r}",
            "correct chat_template.jinja in the model's directory, or choose another --model",
        )
    return end_of_turn(tokenizer, whole[len(prompt) :])


def _with_parsed_arguments(message: dict) -> dict:
    """Tool calls whose arguments are a JSON text, as the OpenAI form has them, with the object they stand for."""
    calls = message.get("tool_calls")
    if not calls:
        return message
    parsed = []
    for call in calls:
        function = dict(call.get("function", call))
        if isinstance(function.get("arguments"), str):
            try:
                function["arguments"] = json.loads(function["arguments"] or "{}")
            except ValueError as error:
                raise BadRequest(
                    "bad_tool_call",
                    f"the arguments of the tool call {function.get('name')!r} are not JSON ({error})",
                    "leave that row out, or export the data again: uv run scripts/export_data.py",
                ) from error
        parsed.append({"type": "function", "function": function})
    return message | {"content": message.get("content") or "", "tool_calls": parsed}


def encode_file(
    tokenizer, path: Path, max_tokens: int, cache_directory: Path | None = None
) -> list[TokenRow]:
    """The rows of all conversations in a JSONL file ({"messages", "tools"?, "weight"?, "source"?} a line).

    With a cache_directory they are kept there (0600) under a hash of the file, the tokenizer and max_tokens,
    and older rows of a file of this name are removed, so that nothing outlives the data that it is from.
    Raises Missing when there is no such file.
    """
    if not path.exists():
        raise Missing(
            "no_training_data", f"{path} is not there", "make it: uv run scripts/export_data.py"
        )
    content = path.read_bytes()
    cache = None
    if cache_directory is not None:
        stem = f"{path.parent.name}-{path.stem}-"
        key = _fingerprint(content, tokenizer, max_tokens)
        cache = cache_directory / f"{stem}{key}.json"
        kept = state.read_json(cache)
        if kept is not None:
            return [TokenRow(**row) for row in kept["rows"]]
        for old in cache_directory.glob(f"{stem}*.json"):
            old.unlink()
    rows = []
    for conversation in state.read_jsonl(path):
        rows += encode_conversation(
            tokenizer,
            conversation["messages"],
            conversation.get("tools"),
            max_tokens,
            conversation.get("weight", 1.0),
            json.dumps(conversation.get("source", ""), ensure_ascii=False),
        )
    if cache is not None:
        state.write_json(cache, {"rows": [asdict(row) for row in rows]})
    return rows


def _fingerprint(content: bytes, tokenizer, max_tokens: int) -> str:
    """A hash of all that decides the rows: data, template, vocabulary, length."""
    vocabulary = hashlib.sha256()
    for token, index in sorted(tokenizer.get_vocab().items()):
        vocabulary.update(f"{token}\0{index}\n".encode())
    whole = hashlib.sha256(content)
    whole.update(str(tokenizer.chat_template).encode() + vocabulary.digest())
    whole.update(f"{tokenizer.eos_token} {max_tokens} {FORMAT}".encode())
    return whole.hexdigest()[:16]
