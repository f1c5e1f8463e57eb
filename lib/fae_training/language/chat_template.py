"""Renders messages for templates that know no system message or require strictly alternating turns."""

# Separates two messages that are merged into one.
BETWEEN = "\n\n"


def render(
    tokenizer, messages: list[dict], tools: list[dict] | None, generation_prompt: bool
) -> str:
    """The rendered text of these messages, as Fae's runtime requests it (enable_thinking=False).

    For a template that refuses them, the system message is prepended to the user's first message,
    as Gemma's authors advise, and then consecutive messages of one role are merged. Raises the
    template's first error.
    """
    problems: list[Exception] = []
    for form in (_as_they_are, _system_in_user, _strict_turns):
        try:
            return tokenizer.apply_chat_template(
                form(messages),
                tools=tools or None,
                add_generation_prompt=generation_prompt,
                tokenize=False,
                enable_thinking=False,
            )
        except Exception as problem:  # a template is a program and may raise anything
            problems.append(problem)
    raise problems[0]


def end_of_turn(tokenizer, text: str) -> str:
    """A rendered answer up to the first token that ends a turn; some templates write more after it."""
    at = [text.index(end) + len(end) for end in map(tokenizer.decode, _ends(tokenizer)) if end in text]  # fmt: skip
    return text[: min(at)] if at else text


def ends_turn(tokenizer, token: int) -> bool:
    return token in _ends(tokenizer)


def _ends(tokenizer) -> set[int]:
    """The tokens at which a runtime stops; mlx-lm's tokenizers know all of them, others only one."""
    ends = getattr(tokenizer, "eos_token_ids", None) or ()
    return {tokenizer.eos_token_id, *([ends] if isinstance(ends, int) else ends)}


def _as_they_are(messages: list[dict]) -> list[dict]:
    return messages


def _system_in_user(messages: list[dict]) -> list[dict]:
    if len(messages) < 2 or messages[0]["role"] != "system" or messages[1]["role"] != "user":
        return messages
    return [_joined({**messages[1], "content": messages[0]["content"]}, messages[1]), *messages[2:]]


def _strict_turns(messages: list[dict]) -> list[dict]:
    turns: list[dict] = []
    for message in _system_in_user(messages):
        plain = not (message.get("tool_calls") or (turns and turns[-1].get("tool_calls")))
        if turns and plain and turns[-1]["role"] == message["role"]:
            turns[-1] = _joined(turns[-1], message)
        else:
            turns.append(message)
    return turns


def _joined(message: dict, next_message: dict) -> dict:
    texts = message.get("content") or "", next_message.get("content") or ""
    return message | {"content": BETWEEN.join(filter(None, texts))}
