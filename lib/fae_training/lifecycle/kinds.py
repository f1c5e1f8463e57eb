"""The kinds of model that can be trained, and everything that the rest of the skill knows about each.

To add a kind, add a Kind here and a script of the same shape as scripts/train.py; docs/adding-a-kind.md walks through it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fae_training.calls.values import Choice, Range, Text, Value, YesNo, count
from fae_training.classifiers.classes import INTERRUPT_PHRASES, WAKE_PHRASES
from fae_training.language.objective import GUARDS, LOSSES

# The default preset of every run.
DEFAULT_PRESET = "light"
SCHEDULES = ("cosine", "constant")


@dataclass(frozen=True)
class Setting:
    """One setting of a training. Without `help` it has no flag and can be set only with --set or in config.json.

    A setting that the presets contain has no default of its own: its default is the default preset's value.
    """

    name: str
    value: Value
    default: Any = None
    help: str = ""
    metavar: str = "N"


@dataclass(frozen=True)
class Kind:
    """`script` trains it; runs of kinds with the same `slot` replace each other in Fae.

    consents: what the person must have allowed before anything of the kind is trained or scored. material: the script call,
    after scripts/, that collects more training data. `title` completes "an update for your ...";
    `learns` is its row in skill.md. `has_model`: it adapts a pretrained model that may have to be downloaded. `presets`
    maps names to settings, in the order of the tables.
    """

    name: str
    script: str
    slot: str
    title: str
    learns: str
    consents: tuple[str, ...]
    material: str
    has_model: bool
    settings: tuple[Setting, ...]
    presets: Mapping[str, Mapping[str, Any]]

    @property
    def defaults(self) -> dict[str, Any]:
        """The default value of every setting, "preset" included."""
        own = {setting.name: setting.default for setting in self.settings}
        return {**own, **self.presets[DEFAULT_PRESET], "preset": DEFAULT_PRESET}

    def command(self, options: str = "") -> str:
        """The command line of its script."""
        return f"uv run scripts/{self.script} {options}".rstrip()


def _presets(names: str, **rows: tuple) -> dict[str, dict[str, Any]]:
    return {name: dict(zip(names.split(), row, strict=True)) for name, row in rows.items()}


# In a shorter row there is nothing, or a word or two, to learn.
SHORTEST_ROW = 16
LEARNING_RATE = Range(0, 1, open_below=True)
# A step is always one optimizer update.
TRAINING = (
    Setting("steps", count(1_000_000), help="optimizer updates"),
    Setting("batch_size", count(4096), help="rows per micro-batch"),
    Setting("learning_rate", LEARNING_RATE, help="peak learning rate of the schedule", metavar="X"),
    Setting(
        "seed", Range(0, 2**32 - 1, whole=True), 0, "the same seed and data give the same adapter"
    ),
    Setting("gradient_accumulation", count(4096), 1, "micro-batches per step"),
    Setting("schedule", Choice(SCHEDULES), "cosine"),
    Setting("weight_decay", Range(0, 1), 0.01),
    Setting("max_gradient_norm", Range(0, 1_000_000, open_below=True), 1.0),
)
# A LoRA scale of 2 is alpha = 2 x rank, mlx-tune's and Fae's usual choice.
ADAPTER = (
    Setting("warmup_ratio", Range(0, 1), 0.1),
    Setting("rank", count(1024), help="rank of the adapter"),
    Setting("lora_scale", Range(0, 1000, open_below=True), 2.0),
)
SUITES = ("full", "quick", "own")
LANGUAGE = (
    *TRAINING,
    *ADAPTER,
    Setting(
        "model",
        Text("auto"),
        "auto",
        "auto (what Fae runs), tiny, small, medium, large, an id, or a directory",
        "NAME",
    ),
    Setting(
        "max_length",
        Range(SHORTEST_ROW, 1_000_000, whole=True),
        help="longest row in tokens; longer rows lose their oldest part",
    ),
    Setting("experts", YesNo(), False, "also adapt the routed experts of a mixture of experts"),
    Setting(
        "fast",
        Text("on"),
        "on",
        "which optimizations of a step to use: on, off, or a list",
        "PARTS",
    ),
    Setting(
        "suite",
        Choice(SUITES),
        "full",
        "capability tests besides your own data: full, quick (too few for a recommendation), or own (for benchmarks/)",
    ),
)
# With 0.4 nothing was lost, and as much was learned as without (docs/log.md).
SUPERVISED = (
    Setting(
        "rehearsal",
        Range(0, 0.9),
        0.4,
        "share of the training spent on the model's own earlier answers about tools and formats, so that it keeps them (default 0.4)",
        "X",
    ),
)
PREFERENCES = (
    Setting(
        "from",
        Text("current"),
        "current",
        "starting point and reference model: base, current (the deployed one; default), or a run",
        "START",
    ),
    Setting("loss", Choice(LOSSES), "dpo", "the preference loss (default: dpo)"),
    Setting(
        "beta",
        Range(0, 1000, open_below=True),
        0.1,
        "how closely to stay to the reference model (default 0.1)",
        "X",
    ),
    Setting(
        "label_smoothing",
        Range(0, 0.5, open_above=True),
        0.0,
        "expected share of corrections that are the wrong way round",
        "X",
    ),
    Setting(
        "guard", Choice(GUARDS), None, "term that keeps the accepted answers likely (default: dpop)"
    ),
    Setting("guard_weight", Range(0, 1000), None, "weight of the guard", "X"),
)
SYNTHESISE = ("auto", "never")
CLASSIFIER = (
    *TRAINING,
    Setting("warmup_ratio", Range(0, 1), 0.06),
    Setting("label_smoothing", Range(0, 0.5, open_above=True), 0.02),
    Setting("dropout", Range(0, 1, open_above=True), 0.2),
    Setting("patience", count(1_000_000), 8),
    Setting("generated_seconds", count(100_000)),
    Setting(
        "synthesise",
        Choice(SYNTHESISE),
        "auto",
        "auto: say or espeak-ng synthesise words that have too few recordings; never: use recordings only",
    ),
)
CLASSIFIER_COLUMNS = "steps batch_size learning_rate generated_seconds"
LANGUAGE_COLUMNS = "steps batch_size gradient_accumulation learning_rate rank max_length"

KINDS = {
    kind.name: kind
    for kind in (
        Kind(
            name="sft",
            script="train.py",
            slot="language",
            title="language model (your conversations)",
            learns="language model, on conversations",
            consents=("conversations",),
            material="export_data.py",
            has_model=True,
            settings=(*LANGUAGE, *SUPERVISED),
            # "light" sees 50 x 2 x 2 = 200 rows, "standard" 3,200, "deep" 8,000.
            presets=_presets(
                LANGUAGE_COLUMNS,
                smoke=(10, 1, 1, 1e-4, 8, 512),
                light=(50, 2, 2, 5e-5, 16, 1024),
                standard=(200, 4, 4, 2e-5, 16, 2048),
                deep=(500, 4, 4, 1e-5, 32, 2048),
            ),
        ),
        Kind(
            name="dpo",
            script="train_dpo.py",
            slot="language",
            title="language model (your corrections)",
            learns="language model, on corrections",
            # Corrections are parts of conversations, which also show whether anything is forgotten.
            consents=("conversations", "corrections"),
            material="extract_corrections.py",
            has_model=True,
            settings=(*LANGUAGE, *PREFERENCES),
            # A tenth of SFT's learning rates; even 100 corrections are unusual. "light" sees 50 x 2 x 2 = 200 pairs, "standard"
            # 400. docs/preferences.md has what was measured.
            presets=_presets(
                LANGUAGE_COLUMNS,
                smoke=(10, 1, 1, 1e-5, 8, 512),
                light=(50, 2, 2, 1e-5, 16, 1024),
                standard=(100, 2, 2, 5e-6, 16, 2048),
            ),
        ),
        Kind(
            name="stt",
            script="train_stt.py",
            slot="speech",
            title="speech recogniser (your names)",
            learns="speech recogniser, on misheard words",
            consents=("corrections",),
            material="extract_corrections.py",
            has_model=True,
            settings=(
                *TRAINING,
                *ADAPTER,
                Setting(
                    "model",
                    Text("auto"),
                    "auto",
                    "auto (what Fae runs), an id, or a directory",
                    "NAME",
                ),
                Setting(
                    "clips_per_term",
                    count(10_000),
                    help="clips to synthesise for a word that has few recordings",
                ),
            ),
            # Clips are short: "light" hears 100 x 4 = 400 of them, "standard" 2,400.
            presets=_presets(
                "steps batch_size gradient_accumulation learning_rate rank clips_per_term",
                smoke=(10, 1, 1, 1e-4, 8, 4),
                light=(100, 4, 1, 1e-4, 16, 16),
                standard=(300, 4, 2, 5e-5, 16, 32),
            ),
        ),
        Kind(
            name="keyword",
            script="train_keyword.py",
            slot="keyword",
            title="wake and stop words",
            learns="interrupt, wake, speech, silence, noise",
            consents=("audio",),
            material="add_samples.py --missed-wakes",
            has_model=False,
            settings=(
                *CLASSIFIER,
                Setting("clips_per_trigger", count(100_000)),
                Setting("stream_minutes", count(10_000)),
                Setting(
                    "wake_phrases",
                    Text("hey fae"),
                    ", ".join(WAKE_PHRASES),
                    "comma-separated phrases to synthesise as wake",
                    "WORDS",
                ),
                Setting(
                    "interrupt_phrases",
                    Text("stop"),
                    ", ".join(INTERRUPT_PHRASES),
                    "comma-separated phrases to synthesise as interrupt",
                    "WORDS",
                ),
                Setting(
                    "false_alarms_per_hour",
                    Range(0, 3600),
                    1.0,
                    "target rate for choosing thresholds (default 1)",
                    "X",
                ),
            ),
            # A step sees batch_size windows; 4,000 clips of a second are seen 32 times in "light".
            presets=_presets(
                f"{CLASSIFIER_COLUMNS} clips_per_trigger stream_minutes",
                smoke=(20, 32, 3e-3, 40, 40, 8),
                light=(1000, 128, 3e-3, 600, 600, 200),
                standard=(1500, 128, 3e-3, 1200, 600, 600),
            ),
        ),
        Kind(
            name="speech_verifier",
            script="train_speech_verifier.py",
            slot="speech_verifier",
            title="speech, music or noise",
            learns="speech, music, noise",
            consents=("audio",),
            material="add_samples.py --kind speech_verifier --class music --files RECORDINGS...",
            has_model=False,
            settings=CLASSIFIER,
            presets=_presets(
                CLASSIFIER_COLUMNS,
                smoke=(20, 32, 3e-3, 40),
                light=(1000, 128, 3e-3, 600),
                standard=(1500, 128, 3e-3, 1200),
            ),
        ),
    )
}
