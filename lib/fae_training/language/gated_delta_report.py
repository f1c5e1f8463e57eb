"""Measurements of the gated delta rule's implementations, and the choice among them. Standard library only.

The fastest implementation that is correct and needs no more memory than chunkwise (which memory.py
plans for) computes every sequence that nothing branches off from. mlx-lm's is the standard of
correctness.
"""

from dataclasses import asdict, dataclass

# float32 rounding over some hundred steps; a wrong formula is off by 1e-2 and more. In 16 bits the
# rounding is that of the inputs and outputs.
LARGEST_ERROR, LARGEST_ERROR_16_BITS = 1e-4, 3e-2
# Up to this factor, memory counts as the same as chunkwise's: measured peaks vary by a few per cent.
AS_LEAN = 1.1


@dataclass(frozen=True)
class Shapes:
    """Heads and their widths in one layer, and the type of q, k and v."""

    key_heads: int
    value_heads: int
    key_width: int
    value_width: int
    dtype: str

    @classmethod
    def of(cls, backbone) -> "Shapes":
        """The shapes of a Qwen3.5-like model."""
        layer = next(layer.linear_attn for layer in backbone.layers if layer.is_linear)
        dtype = str(layer.conv1d.weight.dtype).removeprefix("mlx.core.")
        heads = layer.num_k_heads, layer.num_v_heads
        return cls(*heads, layer.head_k_dim, layer.head_v_dim, dtype)


@dataclass(frozen=True)
class Measurement:
    """error: the largest one relative to mlx-lm's, over outputs and gradients, in float32 at small
    shapes; error_here: at the model's shapes in its type. seconds and peak_bytes: a forward and
    backward pass over TOKENS tokens there."""

    rule: str
    error: float
    error_here: float
    seconds: float
    peak_bytes: int


@dataclass(frozen=True)
class Report:
    """All measurements, chunkwise first. layers_error: of our layers around the rule, relative to
    mlx-lm's layers."""

    shapes: Shapes
    layers_error: float
    measured: tuple[Measurement, ...]

    @property
    def chosen(self) -> str:
        ours = self.measured[0]
        able = [m for m in self.measured if self._right(m)]
        able = [m for m in able if m.peak_bytes <= AS_LEAN * ours.peak_bytes] or able
        return min(able, key=lambda m: m.seconds).rule

    @property
    def right(self) -> bool:
        """Whether chunkwise and our layers are correct; otherwise none of this is used."""
        return self._right(self.measured[0]) and self.layers_error <= LARGEST_ERROR

    def _right(self, measured: Measurement) -> bool:
        tolerance = LARGEST_ERROR if self.shapes.dtype == "float32" else LARGEST_ERROR_16_BITS
        return measured.error <= LARGEST_ERROR and measured.error_here <= tolerance

    def sentence(self) -> str:
        if not self.right:
            error = max(self.measured[0].error, self.measured[0].error_here, self.layers_error)
            return (
                f"the chunkwise gated delta rule differs from mlx-lm's by {error:.1e} "
                f"(allowed {LARGEST_ERROR:.0e}) and is off; training is correct but slow"
            )
        chosen = next(m for m in self.measured if m.rule == self.chosen)
        others = ", ".join(
            f"{m.rule} {m.seconds / chosen.seconds:.1f} times its time and {m.peak_bytes / chosen.peak_bytes:.1f} times its memory"
            for m in self.measured
            if m is not chosen
        )
        return f"gated delta rule: {chosen.rule} runs; {others}"

    def as_dict(self) -> dict:
        return {"chosen": self.chosen} | asdict(self)
