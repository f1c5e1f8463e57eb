"""The preference loss and its constants, as requested. Standard library only; preference_loss.py
computes it."""

from dataclasses import dataclass

from fae_training.calls.errors import BadRequest

LOSSES = ("dpo", "ipo", "orpo")
GUARDS = ("none", "rpo", "dpop")


@dataclass(frozen=True)
class Objective:
    """A preference loss and its constants. Raises BadRequest for a combination without meaning."""

    loss: str = "dpo"
    beta: float = 0.1
    label_smoothing: float = 0.0
    guard: str = "none"
    guard_weight: float = 0.0

    @classmethod
    def of(cls, settings) -> "Objective":
        """From the settings of a preference run."""
        names = ("loss", "beta", "label_smoothing", "guard", "guard_weight")
        return cls(**{name: settings[name] for name in names})

    def __post_init__(self) -> None:
        def refuse(message: str, hint: str) -> None:
            raise BadRequest("bad_objective", message, hint)

        if self.loss not in LOSSES:
            refuse(f"There is no loss {self.loss!r}.", f"Use one of: {', '.join(LOSSES)}.")
        if self.guard not in GUARDS:
            refuse(f"There is no guard {self.guard!r}.", f"Use one of: {', '.join(GUARDS)}.")
        if not self.beta > 0:
            refuse(f"beta is {self.beta}, it has to be above 0.", "Usual values are 0.05 to 0.5.")
        if not 0 <= self.label_smoothing < 0.5:
            refuse(
                f"label_smoothing is {self.label_smoothing}, but must be at least 0 and below 0.5.",
                "It is the share of pairs that you expect to be labelled the wrong way round.",
            )
        if self.guard_weight < 0:
            refuse(
                f"guard_weight is {self.guard_weight}, it has to be at least 0.",
                "0 switches it off.",
            )
        if self.label_smoothing and self.loss != "dpo":
            refuse(
                f"label_smoothing belongs to the loss dpo, not to {self.loss}.",
                "Leave out --label-smoothing, or use --loss dpo.",
            )
        if self.guard == "dpop" and self.loss != "dpo":
            refuse(
                f"The guard dpop is defined inside the loss dpo, not {self.loss}.",
                "Use --guard rpo or none, or --loss dpo.",
            )
        if self.guard == "rpo" and self.loss == "orpo":
            refuse(
                "orpo already includes the guard rpo (its first term).",
                "Use --guard none with --loss orpo.",
            )

    @property
    def needs_reference(self) -> bool:
        return self.loss != "orpo"
