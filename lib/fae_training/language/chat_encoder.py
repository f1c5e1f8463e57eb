"""Encodes messages with a model's chat template; control tokens inside a text are kept as plain characters."""

import re
import unicodedata

from fae_training.language.chat_template import end_of_turn, ends_turn, render

# Templates look for these strings in messages, whether or not they are tokens of the vocabulary.
_THINKING = ("<think>", "</think>")
# Characters of a private-use plane stand in for control tokens in a text while the template is rendered.
_FIRST, _LAST = 0xF0000, 0xFFFFD
_MEMO_CHARACTERS = 2_000_000


class CannotEncode(ValueError):
    """The model's template or tokenizer cannot write this conversation; the text says why."""


class NothingLeft(CannotEncode):
    """The template renders an answer as nothing, for example tool calls that it does not support."""


class TemplateMismatch(CannotEncode):
    """The template renders an answer differently from how its prompt introduces it."""


class ChatEncoder:
    """A tokenizer's chat template and vocabulary: prompt(messages) and turn(messages) return tokens.

    `found` collects the control tokens in the texts since it was last cleared; `skipped` counts the
    answers that the template renders as nothing. Text between two control tokens is tokenised once
    and cached, because every turn repeats the turns before it.
    """

    def __init__(self, tokenizer):
        self.tokenizer = tokenizer
        self.found: set[str] = set()
        self.skipped = 0
        added = {str(t): (i, t) for i, t in tokenizer.added_tokens_decoder.items()}
        self._ids = {text: i for text, (i, token) in added.items() if _controls(text, token)}
        literals = sorted({*self._ids, *_THINKING}, key=len, reverse=True)
        self._literal = re.compile(
            f"{'|'.join(map(re.escape, literals))}|[{chr(_FIRST)}-{chr(_LAST)}]"
        )
        self._stand_ins: dict[str, str] = {}
        self._stood_for: dict[str, str] = {}
        # A token that absorbs adjacent spaces, or is matched in normalised text, cannot be used as a boundary.
        borders = [
            text
            for text in self._ids
            if not any(
                getattr(added[text][1], flag, True)
                for flag in ("lstrip", "rstrip", "single_word", "normalized")
            )
        ]
        borders.sort(key=len, reverse=True)
        self._border = re.compile(f"({'|'.join(map(re.escape, borders))})") if borders else None
        self._memo: dict[str, list[int]] = {}
        self._memo_characters = 0
        if not self._is_border_exact(borders):
            self._border = None

    def plain(self, value):
        """Messages or tools with a stand-in for each control token in their texts, arguments and results."""
        if isinstance(value, str):
            return self._literal.sub(self._stand_in, value)
        if isinstance(value, list):
            return [self.plain(item) for item in value]
        if isinstance(value, dict):
            return {self.plain(name): self.plain(item) for name, item in value.items()}
        return value

    def _stand_in(self, match: re.Match) -> str:
        text = match.group()
        if text not in self._stand_ins:
            character = chr(_FIRST + len(self._stand_ins))
            if ord(character) > _LAST:
                raise CannotEncode("contains too many different private-use characters")
            self._stand_ins[text], self._stood_for[character] = character, text
        if len(text) > 1:
            self.found.add(text)
        return self._stand_ins[text]

    def prompt(self, messages: list[dict], tools: list[dict] | None) -> list[int]:
        """The prompt that Fae's runtime sends for these messages; they and the tools come from plain()."""
        return self.encode(self._render(messages, tools, True))

    def turn(self, messages: list[dict], tools: list[dict] | None) -> tuple[list[int], list[int]]:
        """(prompt, answer): the last message as the template writes it after the prompt, up to its
        end token."""
        prompt = self._render(messages[:-1], tools, True)
        rendered = self._render(messages, tools, False)
        if not rendered.startswith(prompt):
            raise TemplateMismatch(
                "the model's chat template writes an assistant turn differently from how the prompt begins it: "
                f"the prompt ends in {prompt[-40:]!r}, the turn is {rendered[len(prompt) - 40 :][:80]!r}"
            )
        answer = self.encode(end_of_turn(self.tokenizer, rendered[len(prompt) :]))
        if not answer or not ends_turn(self.tokenizer, answer[-1]):
            answer.append(self.tokenizer.eos_token_id)
        if len(answer) == 1:
            raise NothingLeft("the model's chat template renders an answer as nothing")
        return self.encode(prompt), answer

    def _render(self, messages, tools, generation_prompt: bool) -> str:
        try:
            return render(self.tokenizer, messages, tools, generation_prompt)
        except Exception as error:  # a template is a program and raises what it likes
            raise CannotEncode(f"the model's chat template refuses it: {error}") from error

    def encode(self, text: str) -> list[int]:
        """The tokens of a rendered text; without stand-ins the same as those of tokenizer.encode."""
        if self._border is None:
            return list(self._between(text))
        tokens: list[int] = []
        for index, piece in enumerate(self._border.split(text)):
            if index % 2:
                tokens.append(self._ids[piece])
            elif piece:
                tokens += self._between(piece)
        return tokens

    def _between(self, text: str) -> list[int]:
        known = self._memo.get(text)
        if known is None:
            if self._memo_characters > _MEMO_CHARACTERS:
                self._memo, self._memo_characters = {}, 0
            known = self._memo[text] = self._tokens(text)
            self._memo_characters += len(text)
        return known

    def _tokens(self, text: str) -> list[int]:
        """A control token is tokenised in two parts, its first character and the rest, so that it
        is not recognised."""
        parts = [""]
        for character in text:
            literal = self._stood_for.get(character, character)
            if literal in self._ids:
                parts[-1] += literal[0]
                parts.append(literal[1:])
            else:
                parts[-1] += literal
        tokens = [token for part in parts for token in self._plain_tokens(part)]
        if len(parts) > 1:
            decoded = self.tokenizer.decode(tokens, skip_special_tokens=False)
            same = [unicodedata.normalize("NFC", t) for t in (decoded, "".join(parts))]
            if same[0] != same[1]:
                raise CannotEncode(
                    "contains control tokens that the model's tokenizer cannot write as plain characters"
                )
        return tokens

    def _plain_tokens(self, text: str) -> list[int]:
        return self.tokenizer.encode(text, add_special_tokens=False) if text else []

    def _is_border_exact(self, borders: list[str]) -> bool:
        """Whether text next to a control token is tokenised as it is alone; false where a first
        word gets a space."""
        if not borders:
            return False
        border, words = borders[0], ("a b", " a\nb", "\n\na ")
        whole = self._plain_tokens(border.join(("", *words, "")))
        apart = [self._ids[border]]
        for text in words:
            apart += [*self._plain_tokens(text), self._ids[border]]
        return whole == apart


def _controls(text: str, token) -> bool:
    """Whether an added token is more than plain text: some vocabularies add runs of spaces, or words."""
    return bool(text.strip(" \t\r\n\u2581")) and (token.special or any(c in text for c in "<>[]|"))
