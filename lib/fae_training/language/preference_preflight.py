"""The checks of train_dpo.py before a run: objective, corrections, starting point. Standard library only."""

from dataclasses import replace
from pathlib import Path

from fae_training.calls.counting import counted
from fae_training.calls.errors import BadRequest, Failed, Missing, Refused, command_line
from fae_training.corrections import lint
from fae_training.language import adapter_files
from fae_training.lifecycle import learned, provenance, runs
from fae_training.lifecycle.preflight import Data, Preflight, Start
from fae_training.lifecycle.runs import Run
from fae_training.lifecycle.settings import Settings
from fae_training.release.deployment import current_run
from fae_training.rows.row_forms import PreferencePair
from fae_training.rows.training_rows import RowsRead
from fae_training.store.state import Home, read_json

# The guards' defaults are argued from a measurement in docs/preferences.md.
GUARD_OF = {"dpo": "dpop", "ipo": "none", "orpo": "none"}
WEIGHT_OF = {"none": 0.0, "rpo": 1.0, "dpop": 5.0}

EXTRACT = "uv run scripts/extract_corrections.py"
WHAT_COUNTS = (
    'a correction is an answer that you did not accept, followed by one that you did: after "shorter please", '
    '"no, I meant ...", "that is wrong", or the same question in other words'
)


def completed(settings: Settings) -> Settings:
    """The settings with the guard and its weight, whose defaults depend on the loss."""
    for name, chosen_by, table in (
        ("guard", "loss", GUARD_OF),
        ("guard_weight", "guard", WEIGHT_OF),
    ):
        if settings[name] is None:
            chosen = settings[chosen_by]
            settings = settings.changed(
                f"default for {chosen_by} {chosen}", **{name: table[chosen]}
            )
    return settings


def corrections(
    place: Path,
) -> tuple[RowsRead[PreferencePair], RowsRead[PreferencePair], list[str]]:
    """(training pairs, held-out pairs, the linter's remarks) of dpo/ in `place`, whoever wrote it.

    Pairs from extract_corrections.py are already checked and weighted; other files are checked here
    in the same way. Raises Missing when a file cannot be read.
    """
    train, valid = provenance.read(place, "dpo")
    meta = read_json(place / "dpo" / "meta.json") or {}
    if "lint" in meta and meta.get("data_fingerprint") == provenance.fingerprint(place, "dpo"):
        return train, valid, meta["lint"]["remarks"]
    rows, held_out, report = lint.check(train.rows, valid.rows)
    return replace(train, rows=rows), replace(valid, rows=held_out), report.remarks


def check(home: Home, keep: bool, run: Run | None = None) -> Data:
    """The contents of data/dpo/, or the copy of a run that is resumed, as provenance.check returns
    them. Raises Missing where there is no correction."""
    try:
        data = provenance.check(home, "dpo", EXTRACT, keep, run)
    except Missing as missing:
        if missing.code != "no_data":
            raise
        raise Missing(
            "no_corrections", f"there are no corrections to learn from; {WHAT_COUNTS}", EXTRACT
        ) from None
    place = provenance.rows_of(run) if run else home.file("data")
    train, valid, remarks = corrections(place)
    if not train.usable:
        raise Missing(
            "no_corrections",
            f"none of {counted(data.rows['train'], 'pair')} of data/dpo/train.jsonl is left to learn from: "
            f"{' '.join(remarks)}",
            f"correct the file, or make it again from your conversations: {EXTRACT}",
        )
    if train.usable != data.rows["train"]:
        data = replace(data, learned_from=counted(train.usable, "row"))
    data = replace(data, rows={"train": train.usable, "valid": valid.usable}).noting(*remarks)
    if not (place / "sft" / "valid.jsonl").exists():
        data = data.noting(
            "no conversations are held out, so the run cannot be judged: uv run scripts/export_data.py"
        )
    return data


def with_start(home: Home, found: Preflight) -> Preflight:
    """`found` with the adapter that the run continues from; none for the base model.

    The adapter's rank, scale and modules are kept, so that the saved adapter holds both trainings.
    Raises Refused when it belongs to another base model, BadRequest when another rank was
    requested.
    """
    settings, data, model = found.settings, found.data, found.model
    assert model is not None  # preference training needs an existing model
    asked = settings["from"]
    run = _start_run(home, asked)
    if run is None:
        if asked != "base":
            data = data.noting("nothing is deployed: it starts from the base model")
            settings = settings.changed(settings.sources["from"], **{"from": "base"})
        return replace(found, settings=settings, data=data, start=Start(None, None))
    learned.require_unmarked(run)
    if run.record.get("model_fingerprint") != model.fingerprint:
        raise Refused(
            "other_base_model",
            f"{run.id} was trained on {run.record['model']['id']}, this run uses {model.id}",
            "uv run "
            + command_line("scripts/train_dpo.py", "--model", run.record["model"]["id"])
            + ", or --from base",
        )
    lora = adapter_files.read_config(run.file("adapters"))["lora_parameters"]
    source = f"the adapter of {run.id}"
    kept = {"rank": lora["rank"], "lora_scale": lora["scale"]}
    kept["experts"] = any(map(adapter_files.is_routed, lora["keys"]))
    for name, value in kept.items():
        if settings[name] != value and settings.sources.get(name) in ("flag", "parameter"):
            raise BadRequest(
                "other_adapter",
                f"{name} is {settings[name]}, but {source} has {value}, which the run continues with",
                f"leave out --{name.replace('_', '-')}, or use --from base",
            )
    settings = settings.changed(source, **kept)
    settings = settings.changed(settings.sources["from"], **{"from": run.id})
    start = Start(run.id, adapter_files.fingerprint_of(run.file("adapters")))
    return replace(found, settings=settings, data=data, start=start)


def _start_run(home: Home, asked: str) -> Run | None:
    if asked == "base":
        return None
    if asked == "current":
        return current_run(home, "language")
    run = runs.find(home, asked)
    if run.kind not in ("sft", "dpo") or not run.file("adapters", "adapters.safetensors").exists():
        raise Missing(
            "no_start",
            f"{run.id} ({run.title()}) has no adapter of a language model to continue from",
            "use --from base, --from current, or a run listed by uv run scripts/list_runs.py",
        )
    return run


def start_adapter(run: Run) -> Path | None:
    """The directory of the adapter that `run` continues from. Raises Failed when it changed since
    the run was requested."""
    start = run.record["start"]
    if start["run"] is None:
        return None
    directory = runs.find(run.home, start["run"]).file("adapters")
    found = adapter_files.fingerprint_of(directory)
    if found != start["fingerprint"]:
        raise Failed(
            "start_changed",
            f"{directory} is {found[:12]}, but {run.id} started from {start['fingerprint'][:12]}",
            f"start again: uv run scripts/train_dpo.py --preset {run.settings['preset']}",
        )
    return directory
