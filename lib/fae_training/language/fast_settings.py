"""Which parts of the fast path are on, and what was found out about the model. Standard library only.

The parts are put in place by fast_path.enable.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from fae_training.language.gated_delta_report import Report


@dataclass(frozen=True)
class Output:
    """How logits follow from hidden states: softcap tanh(scale W h / softcap), W those of the layer called `name`.

    softcap None: no tanh. name None: some other way, which only the model itself knows.
    """

    name: str | None
    scale: float = 1.0
    softcap: float | None = None


@dataclass(frozen=True)
class FastSettings:
    """The parts of the fast path, each of them to be switched off for diagnosis, and what was found of the model.

    gated_delta: linear attention in chunks. attention: attention block by block and gates that keep their inputs alone.
    supervised_only: output layer only where there is a target. shared_prefix: what rows share is computed once.
    by_length: rows of like length together. checkpoint_layers: keep only each layer's input and compute the rest
    again in the backward pass. output: the model's output layer, rule: what was measured of the gated delta rule's
    implementations; None where nobody looked.
    """

    gated_delta: bool = True
    attention: bool = True
    supervised_only: bool = True
    shared_prefix: bool = True
    by_length: bool = True
    checkpoint_layers: bool = False
    output: Output | None = field(default=None, compare=False)
    rule: Report | None = field(default=None, compare=False)

    @classmethod
    def parts(cls) -> tuple[str, ...]:
        return tuple(part.name for part in fields(cls) if part.type is bool)

    @classmethod
    def off(cls) -> "FastSettings":
        """Everything as mlx-lm does it."""
        return cls().with_parts(False, cls.parts())

    def with_parts(self, on: bool, names: Iterable[str]) -> "FastSettings":
        """The same with some of its parts on or off."""
        changes: dict[str, Any] = dict.fromkeys(names, on)
        return replace(self, **changes)

    def as_dict(self) -> dict:
        """For the receipt."""
        return {
            **{part: getattr(self, part) for part in self.parts()},
            "output": asdict(self.output) if self.output else None,
            "rule": self.rule.as_dict() if self.rule else None,
        }
