"""The parts of the fast path and the facts found about the model. Standard library only.

fast_path.enable puts the parts in place.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from fae_training.language.gated_delta_report import Report


@dataclass(frozen=True)
class Output:
    """How logits follow from hidden states: softcap tanh(scale W h / softcap), where W is the
    weight of the layer called `name`.

    softcap None: no tanh. name None: some other way, which only the model itself knows.
    """

    name: str | None
    scale: float = 1.0
    softcap: float | None = None


@dataclass(frozen=True)
class FastSettings:
    """The parts of the fast path, each of which can be switched off for diagnosis, and facts found
    about the model.

    gated_delta: linear attention in chunks. attention: blockwise attention, and gates that keep
    only their inputs. supervised_only: the output layer only where there is a target.
    shared_prefix: tokens that rows share are computed once. by_length: batches of rows of similar
    length. checkpoint_layers: keep only each layer's input and recompute the rest in the backward
    pass. output: the model's output layer; rule: the measurements of the gated delta rule's
    implementations; None where nothing was measured.
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
        """A copy with some of its parts on or off."""
        changes: dict[str, Any] = dict.fromkeys(names, on)
        return replace(self, **changes)

    def as_dict(self) -> dict:
        """For the receipt."""
        return {
            **{part: getattr(self, part) for part in self.parts()},
            "output": asdict(self.output) if self.output else None,
            "rule": self.rule.as_dict() if self.rule else None,
        }
