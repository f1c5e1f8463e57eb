# /// script
# requires-python = ">=3.11,<3.15"
# dependencies = ["fae-training", "phonenumbers>=9", "python-stdnum>=2"]
# [tool.uv.sources]
# fae-training = { path = "../lib" }
# ///
"""Export your conversations with Fae as training data: data/sft/train.jsonl and valid.jsonl (80/20).

    uv run scripts/export_data.py --dry-run              what would be learned; nothing is written
    uv run scripts/export_data.py
    uv run scripts/export_data.py --exclude "my divorce" --exclude person:Anna --exclude id:episode-17-3
    uv run scripts/export_data.py --forget "the interview"

Reads Fae's fae.db without changing it, while Fae runs, and soul.md and speakers.json beside it. Left out, and counted by
reason in meta.json: what others said, what Fae said unasked, turns with a tool or with a claim to have acted, secrets,
personal details (config.json can let in: learn_address, learn_telephone, learn_email, learn_birth_date, learn_health),
what you had forgotten and every conversation that mentions it, and whatever exclusions.json names. --exclude adds to
exclusions.json; --forget does too, removes it from what was exported before, and names the runs that learned it.
Writes data/sft/ and exclusions.json in the state directory.
Exit status: 0 done, 3 no consent, 4 no database or nothing to learn from, 5 database locked, 6 it failed.
"""

from dataclasses import asdict
from pathlib import Path

from fae_training import calling, consent, installation, settings
from fae_training.calling import Call, Result
from fae_training.conversations import export, forgetting, purge, report, source
from fae_training.conversations.export import Summary
from fae_training.errors import Missing
from fae_training.values import count


def main(call: Call) -> Result:
    wanted, home = call.arguments, call.home
    further = [*(wanted.exclude or []), *(wanted.forget or [])]
    forgetting.load(home)  # damaged, nothing is added to them
    if further and not wanted.dry_run:
        forgetting.exclude(home, wanted.exclude or [], wanted.forget or [])
    # Forgetting needs no consent, and an earlier one may have been interrupted.
    forgot = None if wanted.dry_run else purge.complete(home)
    if forgot and wanted.forget and not consent.granted(home, "conversations"):
        data = {"status": "forgotten", "forgotten": asdict(forgot)}
        return Result(data, "\n".join(what_was_forgotten(data)).strip())
    consent.require(home, "conversations")
    learn = settings.personal_details_to_learn(call)
    path = source.database_path(call, "export_data")
    summary = Summary()
    with source.dialogue(
        home, path, wanted.since or 0, further, bool(wanted.dry_run), learn
    ) as found:
        prompt = source.system_prompt(found.database)
        rows = export.rows(found, prompt, summary)

        def meta() -> dict:
            """Asked for when all rows are known, and before anything is put in place."""
            enough(summary, call)
            return export.meta(found, prompt, summary, wanted.since)

        if wanted.dry_run:
            export.count(rows)
            data = {"status": "dry_run"} | meta() | {"samples": summary.shown()}
        else:
            written = export.write(home, "sft", rows, meta)
            data = {"status": "exported"} | written
            data |= for_the_bridge(home.file("data", "sft"), written["rows"])
    if forgot:
        data["forgotten"] = asdict(forgot)
    if not wanted.dry_run and installation.start_if_needed(home):
        data["setup"] = "started in the background: it prepares what training needs"
    data["next"] = "export_data.py" if wanted.dry_run else "train.py --preset light"
    return Result(data, text(data, home.file("data", "sft")))


def for_the_bridge(directory: Path, rows: dict) -> dict:
    """The same under the names that Fae's nightly loop reads; pairs are made by extract_corrections."""
    files = {"sft_export": "train.jsonl", "train": "train.jsonl", "valid": "valid.jsonl", "meta": "meta.json"}  # fmt: skip
    return {
        "sft_examples": rows["train"],
        "dpo_pairs": 0,
        "output_files": {name: str(directory / file) for name, file in files.items()},
    }


def enough(summary: Summary, call: Call) -> None:
    """Raises Missing when there are fewer usable turns than were asked for, or none."""
    turns, wanted = summary.turns.total(), call.arguments.min_episodes or 1
    if turns >= wanted:
        return
    reasons = ", ".join(f"{n} {report.REASONS[r]}" for r, n in summary.excluded.most_common(4))
    raise Missing(
        "too_few_episodes" if turns else "no_usable_episodes",
        f"{turns} of {turns + summary.excluded.total()} episodes can be learned from, expected at least {wanted}"
        + (f"; left out: {reasons}" if reasons else "; the database has no conversation yet"),
        "talk with Fae some more, then run the same command again",
    )


def text(data: dict, directory: Path) -> str:
    """What a person reads."""
    rows, turns = data["rows"], data["turns"]
    would = "Would learn from" if data["status"] == "dry_run" else "Exported"
    lines = [
        f"{would} {data['conversations']:,} conversations with {turns['train'] + turns['valid']:,} of {data['episodes']:,} turns:"
        f" {rows['train']:,} rows to train on, {rows['valid']:,} held out to judge by."
    ]
    if data["excluded"]:
        lines += [
            "",
            f"Left out {sum(data['excluded'].values()):,} turns:",
            *report.left_out(data["excluded"]),
        ]
    if data["topics"]:
        lines += [
            "",
            "Words that come up: " + ", ".join(f"{word} ({n})" for word, n in data["topics"]),
        ]
    for sample in data.get("samples", []):
        lines += [
            "",
            f"  you: {sample['user']}",
            f"  Fae: {sample['assistant']}   (weight {sample['weight']})",
        ]
    lines += ["", *data["warnings"]] if data["warnings"] else []
    lines += what_was_forgotten(data)
    if data["status"] == "dry_run":
        return "\n".join([*lines, "", "Nothing was written. Next: uv run scripts/export_data.py"])
    return "\n".join(
        [*lines, "", f"Written to {directory}. Next: uv run scripts/train.py --preset light"]
    )


def what_was_forgotten(data: dict) -> list[str]:
    forgot, lines = data.get("forgotten"), []
    if forgot:
        lines += ["", f"Removed {forgot['rows_removed']} rows from earlier exports."]
        if forgot["learned_by"]:
            lines.append(
                f"Learned from them: {', '.join(forgot['learned_by'])}. Train again without them."
            )
        if forgot["active"]:
            lines.append(f"Fae uses {forgot['active']} now; to go back: uv run scripts/rollback.py")
    return lines


def build_parser() -> calling.Parser:
    parser = calling.parser(__doc__, dry_run=True)
    parser.add_argument(
        "--db", type=Path, metavar="FILE", help="Fae's database (default: Fae's own)"
    )
    parser.add_argument(
        "--since",
        type=export.unix_seconds,
        metavar="TIME",
        help="only newer turns: unix seconds or a date",
    )
    parser.add_argument(
        "--min-episodes",
        type=count(1_000_000_000),
        metavar="N",
        help="refuse when fewer turns than this can be used (default 1)",
    )
    parser.add_argument(
        "--exclude",
        action="append",
        metavar="WHAT",
        help="never learn this: WORDS, person:NAME or id:ID",
    )
    parser.add_argument(
        "--forget",
        action="append",
        metavar="WHAT",
        help="as --exclude, and remove it from earlier exports",
    )
    return parser


if __name__ == "__main__":
    calling.run(main, build_parser())
