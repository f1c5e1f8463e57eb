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

Reads Fae's fae.db, soul.md and speakers.json without changing them; Fae may be running. Left out, and counted by reason
in meta.json: what others said, what Fae said unprompted, turns that use a tool or claim an action, secrets, personal
details (allowed by config.json: learn_address, learn_telephone, learn_email, learn_birth_date, learn_health), topics that
you asked Fae to forget and every conversation that mentions them, and everything named in exclusions.json. --exclude adds
to exclusions.json. --forget does too, needs no consent, and removes the topic from everything stored: rows, runs' copies,
caches, misheard words and their recordings, proposals, logs. Runs that learned it can no longer be used; --dry-run shows
what would be removed, by topic.
Writes data/sft/ and exclusions.json in the state directory.
Exit status: 0 done, 3 no consent, 4 no database or nothing to learn from, 5 database locked, 6 it failed.
"""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from fae_training.app import app_exports, fae_app
from fae_training.calls import calling
from fae_training.calls.calling import Call, Result
from fae_training.calls.counting import counted
from fae_training.calls.errors import Missing, SkillError
from fae_training.calls.values import count
from fae_training.conversations import background, export, forgetting, report, source
from fae_training.conversations.export import Summary
from fae_training.environment import installation
from fae_training.lifecycle import purge, runs, settings
from fae_training.lifecycle.purge import Purged
from fae_training.store import consent
from fae_training.store.state import Home

# Options passed to the process that reads a large database.
FOR_THE_PROCESS = ("db", "since", "min_episodes", "output_dir")


def main(call: Call) -> Result:
    arguments, home = call.arguments, call.home
    further = [*(arguments.exclude or []), *(arguments.forget or [])]
    forgetting.require_topics(home, further)  # before anything is added
    if further and not arguments.dry_run:
        forgetting.exclude(home, arguments.exclude or [], arguments.forget or [])
    # Forgetting needs no consent, and an earlier one may have been interrupted.
    forgot = (
        purge.preview(home, arguments.forget or []) if arguments.dry_run else purge.complete(home)
    )
    if arguments.forget and not consent.granted(home, "conversations"):
        return only_forgotten(call, forgot or Purged(0, [], None))
    consent.require(home, "conversations")
    try:
        return exported(call, further, forgot)
    except SkillError as problem:
        if not arguments.forget:
            raise
        # The forgetting is done or planned, whatever is wrong with the database.
        return only_forgotten(call, forgot or Purged(0, [], None), problem)


def exported(call: Call, further: list[str], forgot: Purged | None) -> Result:
    """Export the current database, replacing earlier exports."""
    arguments, home = call.arguments, call.home
    learn = settings.personal_details_to_learn(call)
    path = source.database_path(call)
    given = [
        f"--{n.replace('_', '-')}={v}" for n in FOR_THE_PROCESS if (v := getattr(arguments, n))
    ]
    if (answer := background.instead(call, "export_data", path, *given)) is not None:
        return answer
    summary = Summary()
    with source.dialogue(
        home, path, arguments.since or 0, further, bool(arguments.dry_run), learn
    ) as found:
        prompt = fae_app.system_prompt(found.database.directory)
        rows = export.rows(found, prompt, summary)

        def meta() -> dict:
            """Called when all rows are known, before any file is replaced."""
            enough(summary, call)
            return export.meta(found, prompt, summary, arguments.since)

        if arguments.dry_run:
            export.count(rows)
            data = {"status": "dry_run"} | meta() | {"samples": summary.shown()}
            # Only in the answer: stored files must not name what is forgotten.
            data |= {"taken_by": report.taken(found), "guesses_not_used": found.too_common}
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
    if forgot and (arguments.forget or not arguments.dry_run):
        data["forgotten"] = asdict(forgot)
    if arguments.exclude:
        data["excluding"] = arguments.exclude
    if not arguments.dry_run and installation.start_if_needed(home):
        data["setup"] = "started in the background: it downloads what training needs"
    if not arguments.dry_run and (following := again(home, forgot)):
        data["next"] = following
    elif not arguments.dry_run:
        data |= {"next": None, "nothing_new_since": runs.find(home, kind="sft").id}
        data["say"] = "I have learned all of this already. Talk with me some more first."
    return Result(data, text(data, home.file("data", "sft")))


def only_forgotten(call: Call, forgot: Purged, problem: SkillError | None = None) -> Result:
    """The answer if only forgetting was done: there is no consent, then no training follows, or no readable database."""
    data: dict[str, Any] = {"status": "forgotten", "forgotten": asdict(forgot)}
    if call.arguments.dry_run:
        data["status"] = "planned"
    else:
        data["next"] = again(call.home, forgot) if problem or forgot.active else None
    lines = report.forgotten(data)
    if problem:
        data["not_exported"] = problem.message
        lines.append(
            f"{'Nothing would be' if call.arguments.dry_run else 'Nothing was'} exported: {problem.message}."
        )
    if call.arguments.dry_run:
        data["not_known"] = (
            "how many of Fae's conversations mention it, because they were not read; each of them is left out of every later export"
        )
        lines += [f"Not known: {data['not_known']}.", "Nothing was changed."]
    return Result(data, "\n".join(lines).strip())


def again(home: Home, forgot: Purged | None) -> str | None:
    from fae_training.lifecycle import next_steps  # slow to load

    return next_steps.after_export(home, forgot or Purged(0, [], None))


def for_the_bridge(directory: Path, rows: dict) -> dict:
    """The same files under the names that Fae's nightly loop reads; extract_corrections makes the pairs."""
    files = {"sft_export": "train.jsonl", "train": "train.jsonl", "valid": "valid.jsonl", "meta": "meta.json"}  # fmt: skip
    return {
        "sft_examples": rows["train"],
        "dpo_pairs": 0,
        "output_files": {name: str(directory / file) for name, file in files.items()},
    }


def enough(summary: Summary, call: Call) -> None:
    """Raises Missing if there are fewer usable turns than required, or none."""
    turns, required = summary.turns.total(), call.arguments.min_episodes or 1
    if turns >= required:
        return
    reasons = ", ".join(f"{n} {report.REASONS[r]}" for r, n in summary.excluded.most_common(4))
    raise Missing(
        "too_few_episodes" if turns else "no_usable_episodes",
        f"{turns} of {turns + summary.excluded.total()} episodes are usable, expected at least {required}"
        + (f"; left out: {reasons}" if reasons else "; the database has no conversations yet"),
        "talk with Fae some more, then run the same command again",
    )


def text(data: dict, directory: Path) -> str:
    """The answer for a person."""
    rows, turns = data["rows"], data["turns"]
    would = "Would learn from" if data["status"] == "dry_run" else "Exported"
    lines = [
        f"{would} {counted(data['conversations'], 'conversation')} with {turns['train'] + turns['valid']:,} of {data['episodes']:,} turns:"
        f" {counted(rows['train'], 'row')} to train on, {rows['valid']:,} held out for evaluation."
    ]
    if data["excluded"]:
        lines += [
            "",
            f"Left out {counted(sum(data['excluded'].values()), 'turn')}:",
            *report.left_out(data["excluded"]),
        ]
    if data["topics"]:
        listed = ", ".join(f"{word} ({n})" for word, n in data["topics"])
        lines += ["", f"Words that come up: {listed}"]
    lines += report.by_topic(data.get("taken_by", []), data.get("guesses_not_used", {}))
    for sample in data.get("samples", []):
        lines += [
            "",
            f"  you: {sample['user']}",
            f"  Fae: {sample['assistant']}   (weight {sample['weight']})",
        ]
    lines += ["", *data["warnings"]] if data["warnings"] else []
    if named := data.get("excluding"):
        never = "Would never" if data["status"] == "dry_run" else "Will never"
        lines += ["", f"{never} learn from conversations that mention: {', '.join(named)}."]
    lines += report.forgotten(data)
    if data["status"] == "dry_run":
        return "\n".join([*lines, "", "Nothing was written."])
    if run := data.get("nothing_new_since"):
        lines += [
            "",
            f"{run} has learned exactly this already: talk with Fae some more, then export again.",
        ]
    lines += ["", f"Setup was {data['setup']}."] if data.get("setup") else []
    return "\n".join([*lines, "", f"Written to {directory}."])


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
    return parser


if __name__ == "__main__":
    calling.run(main, build_parser())
