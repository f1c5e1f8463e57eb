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
    uv run scripts/export_data.py --keep work            that was no request to forget
    uv run scripts/export_data.py --keep id:ID           nor was that sentence; all: none was

Reads Fae's fae.db, soul.md and speakers.json without changing them; Fae may be running. Left out, and counted by reason
in meta.json: what others said, what Fae said unprompted, turns that use a tool or claim an action, secrets, personal
details (allowed by config.json: learn_address, learn_telephone, learn_email, learn_birth_date, learn_health), topics that
you asked Fae to forget and every conversation that mentions them, and everything named in exclusions.json. --exclude adds
to exclusions.json. --forget does too, needs no consent, and removes the topic from everything stored: rows, runs' copies,
caches, misheard words and their recordings, proposals, logs. Runs that learned it can no longer be used; --dry-run shows
what would be removed, by topic, and which sentence was read as a request to forget. --keep takes such a request back.
Writes data/sft/ and exclusions.json in the state directory.
Exit status: 0 done, 3 no consent, 4 no database or nothing to learn from, 5 database locked, 6 it failed.
"""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from fae_training.app import app_exports, fae_app
from fae_training.calls import calling
from fae_training.calls.calling import Call, Result
from fae_training.calls.errors import Busy, Failed, Missing, SkillError
from fae_training.calls.values import count
from fae_training.conversations import (
    background,
    change_report,
    export,
    forgetting,
    report,
    source,
)
from fae_training.conversations.change_report import Changed
from fae_training.conversations.dialogue import Dialogue
from fae_training.conversations.export import Summary
from fae_training.conversations.forgetting import Edit
from fae_training.environment import installation
from fae_training.lifecycle import purge, runs, settings
from fae_training.lifecycle.purge import Purged
from fae_training.store import consent
from fae_training.store.state import Home

# Options passed to the process that reads a large database.
FOR_THE_PROCESS = ("db", "since", "min_episodes", "output_dir")


def main(call: Call) -> Result:
    arguments, home = call.arguments, call.home
    edit = Edit(*(tuple(getattr(arguments, name) or ()) for name in ("exclude", "forget", "keep")))
    # Before anything is changed.
    forgetting.require_topics(home, [*edit.exclude, *edit.forget])
    forgetting.require_kept(edit)
    also = source.other_names(source.database_path(call), edit.forget or edit.keep)
    changed = Changed(edit, tuple(edit.takes_back(forgetting.load(home))), also is not None)
    if edit and not arguments.dry_run:
        forgetting.record(home, edit, also or [])
    # Forgetting needs no consent, and an earlier one may have been interrupted.
    purged = (
        purge.preview(home, [*edit.forget, *(also or [])] if edit.forget else [])
        if arguments.dry_run
        else purge.complete(home)
    ) or Purged(0, [])
    try:
        consent.require(home, "conversations")
        return exported(call, changed, purged)
    except SkillError as problem:
        # A full disk or a damaged file is a failure, also of a call that excluded something first.
        if not edit or (isinstance(problem, Failed) and not edit.forget):
            raise
        # What was asked is saved or planned, although nothing can be exported.
        return only_changed(call, changed, purged, problem)


def exported(call: Call, changed: Changed, purged: Purged) -> Result:
    """Export the current database, replacing earlier exports."""
    arguments, home = call.arguments, call.home
    learn = settings.personal_details_to_learn(call)
    path = source.database_path(call)
    given = [
        f"--{n.replace('_', '-')}={v}" for n in FOR_THE_PROCESS if (v := getattr(arguments, n))
    ]
    if (answer := background.instead(call, "export_data", path, *given)) is not None:
        return Result(changed.as_dict() | answer.data, answer.text)
    summary = Summary()
    with source.dialogue(
        home, path, arguments.since or 0, changed.edit, bool(arguments.dry_run), learn
    ) as found:
        prompt = fae_app.system_prompt(found.database.directory)
        rows = export.rows(found, prompt, summary)
        unknown = report.unknown_ids(found, changed.edit, purged)
        asked: list[dict] = []

        def meta() -> dict:
            """Called when all rows are known, before any file is replaced."""
            asked.extend(report.undecided(found))
            enough(summary, call, found)
            return export.meta(found, prompt, summary, arguments.since) | {"undecided": len(asked)}

        if arguments.dry_run:
            export.count(rows)
            data = {"status": "dry_run"} | meta() | {"samples": summary.shown()}
            # Only in the answer: stored files must not name what is forgotten.
            data |= {"taken_by": report.taken(found), "guesses_not_used": found.too_common}
            data |= report.to_be_answered(asked)
        else:
            written = export.write(
                home,
                "sft",
                rows,
                meta,
                lambda: source.require_still_allowed(home, found, "conversations"),
            )
            data = {"status": "exported"} | written
            data |= for_the_bridge(home.file("data", "sft"), written["rows"])
            if arguments.output_dir and (
                left := app_exports.link(home, "sft", arguments.output_dir)
            ):
                data["names_taken"] = left
    if asked:
        data["say"] = report.to_say(asked, stored=not arguments.dry_run)
    if not arguments.dry_run and (done := changed.to_say(purged, unknown)):
        data["say"] = done
    if changed.edit.forget or (purged != Purged(0, []) and not arguments.dry_run):
        data["forgotten"] = asdict(purged)
    data |= changed.as_dict() | ({"unknown_ids": unknown} if unknown else {})
    if not arguments.dry_run and installation.start_if_needed(home):
        data["setup"] = "started in the background: it downloads what training needs"
    if not arguments.dry_run:
        data["next"] = again(home, purged)
        if data["next"] is None:
            data["nothing_new_since"] = runs.find(home, kind="sft").id
            data.setdefault(
                "say", "I have learned all of this already. Talk with me some more first."
            )
    changes = changed.in_words(bool(arguments.dry_run), found.requests.kept)
    text = report.exported(data, home.file("data", "sft"), changes, asked)
    return Result(data, text, may_be_saved=not (changed.edit or "forgotten" in data))


def only_changed(call: Call, changed: Changed, purged: Purged, problem: SkillError) -> Result:
    """The answer if nothing could be exported, but exclusions.json was changed or something was forgotten."""
    planned, forgot = bool(call.arguments.dry_run), bool(changed.edit.forget)
    data: dict[str, Any] = {"status": "forgotten" if forgot else "changed"} | changed.as_dict()
    if forgot:
        data["forgotten"] = asdict(purged)
    allowed = consent.granted(call.home, "conversations")
    if planned:
        data["status"] = "planned"
    else:
        data["say"] = changed.to_say(purged)
        # Without consent no training follows.
        data["next"] = again(call.home, purged) if forgot and (allowed or purged.active) else None
        if isinstance(problem, Busy):
            data["next"] = data["next"] or "export_data.py"
    lines = [*changed.in_words(planned), *change_report.forgotten(data)]
    if allowed or not forgot:
        data["not_exported"] = f"{problem.message}; {problem.hint}"
        lines.append(
            f"{'Nothing would be' if planned else 'Nothing was'} exported: {problem.message}."
        )
        lines.append(f"  next: {problem.hint}")
    if planned and forgot:
        data["not_known"] = (
            "how many of Fae's conversations mention it, because they were not read; each of them is left out of every later export"
        )
        lines.append(f"Not known: {data['not_known']}.")
    if planned:
        lines.append("Nothing was changed.")
    return Result(data, "\n".join(lines).strip(), may_be_saved=False)


def again(home: Home, purged: Purged) -> str | None:
    from fae_training.lifecycle import next_steps  # slow to load

    return next_steps.after_export(home, purged)


def for_the_bridge(directory: Path, rows: dict) -> dict:
    """The same files under the names that Fae's nightly loop reads; extract_corrections makes the pairs."""
    files = {"sft_export": "train.jsonl", "train": "train.jsonl", "valid": "valid.jsonl", "meta": "meta.json"}  # fmt: skip
    return {
        "sft_examples": rows["train"],
        "dpo_pairs": 0,
        "output_files": {name: str(directory / file) for name, file in files.items()},
    }


def enough(summary: Summary, call: Call, found: Dialogue) -> None:
    """Raises Missing if there are fewer usable turns than required, or none."""
    turns, required = summary.turns.total(), call.arguments.min_episodes or 1
    if turns >= required:
        return
    reasons = ", ".join(f"{n} {report.REASONS[r]}" for r, n in summary.excluded.most_common(4))
    raise Missing(
        "too_few_episodes" if turns else "no_usable_episodes",
        f"{turns} of {turns + summary.excluded.total()} episodes are usable, expected at least {required}"
        + (f"; left out: {reasons}" if reasons else "; the database has no conversations yet"),
        report.unless_meant(found) or "talk with Fae some more, then run the same command again",
    )


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
        help="fail if fewer turns than this are usable (default 1)",
    )
    parser.add_argument(
        "--output-dir",
        type=Path,
        metavar="DIR",
        help="link the export there under Fae's own file names",
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
        help="as --exclude, and remove it from everything stored",
    )
    parser.add_argument(
        "--keep",
        action="append",
        metavar="WHAT",
        help="that was no request to forget: a topic, a sentence or id:ID as --dry-run lists them, or all; undoes --exclude too",
    )
    return parser


if __name__ == "__main__":
    calling.run(main, build_parser())
