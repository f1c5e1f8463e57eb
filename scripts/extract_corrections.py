# /// script
# requires-python = ">=3.11,<3.15"
# dependencies = ["fae-training", "phonenumbers>=9", "python-stdnum>=2"]
# [tool.uv.sources]
# fae-training = { path = "../lib" }
# ///
"""Find your corrections of Fae: pairs of answers for train_dpo, and misheard words for train_stt.

    uv run scripts/extract_corrections.py --dry-run
    uv run scripts/extract_corrections.py

A pair is a rejected and an accepted answer to the same request: after "too long", "simpler, please", "no, I meant ...",
"that's wrong", or when you asked again in other words. Praise makes no pair but raises a pair's weight. A changed request
makes no pair. The same exclusions apply as in export_data.py. Near-duplicates and contradictions are removed, and a bias
towards short answers is weighted down.
Reads Fae's fae.db without changing it. Writes data/dpo/ and, for misheard words, stt/corrections.jsonl and
stt/vocabulary.json in the state directory.
Exit status: 0 done, 3 no consent, 4 no database or no correction, 5 database locked, 6 it failed.
"""

from pathlib import Path

from fae_training.app import app_exports, fae_app
from fae_training.calls import calling
from fae_training.calls.calling import Call, Result
from fae_training.calls.counting import counted
from fae_training.calls.errors import Missing
from fae_training.conversations import background, export, source
from fae_training.conversations.dialogue import Dialogue
from fae_training.corrections import lint, noted, preference_pairs, spoken
from fae_training.judgement.parts import TRAIN
from fae_training.lifecycle import runs, settings
from fae_training.rows.row_forms import PreferencePair
from fae_training.speech import misheard, vocabulary
from fae_training.speech.misheard import Correction
from fae_training.store import consent

ORIGIN = "dialogue"


def main(call: Call) -> Result:
    home, dry_run = call.home, bool(call.arguments.dry_run)
    consent.require(home, "conversations", "corrections")
    learn = settings.personal_details_to_learn(call)
    path = source.database_path(call)
    given = [f"--{n.replace('_', '-')}={v}" for n in ("db", "output_dir") if (v := getattr(call.arguments, n))]  # fmt: skip
    if (answer := background.instead(call, "extract_corrections", path, *given)) is not None:
        return answer
    with source.dialogue(home, path, dry_run=dry_run, learn=learn) as found:
        miner = preference_pairs.PairMiner(fae_app.system_prompt(found.database.directory))
        sides: dict[bool, list[PreferencePair]] = {False: [], True: []}
        heard_wrongly: list[spoken.SpokenCorrection] = []
        bridge = noted.BridgePairs(noted.bridge_directory(path), miner.system_prompt)
        for conversation in found.conversations():
            sides[conversation.part != TRAIN] += miner.pairs(conversation)
            heard_wrongly += spoken.in_conversation(conversation)
            bridge.add_conversation(conversation)
        for held_out, pair in bridge.pairs([*sides[False], *sides[True]]):
            sides[held_out].append(pair)
        fae = noted.in_records(text for text, who in found.database.corrections() if found.speakers.may_learn_from(who))  # fmt: skip
        heard_wrongly += [*fae.heard, *noted.heard_by_the_bridge(noted.bridge_directory(path))]
        heard_wrongly = [h for h in heard_wrongly if not _is_forgotten(found, h.heard, h.meant)]
        names = [n for n in (*found.database.names(), *fae.names) if not _is_forgotten(found, n)]
        *checked, report = lint.check(sides[False], sides[True])
        train, valid = ([pair.as_row() for pair in side] for side in checked)
        data = describe(found, miner, train, valid, report) | {
            "misheard": len(set(heard_wrongly)),
            "names": len(names),
        }

    def still_allowed() -> None:
        source.require_still_allowed(home, found, "conversations", "corrections")

    # Misheard words are worth saving even if no pair was found.
    if not dry_run:
        still_allowed()
    kept = [] if dry_run else keep_misheard(call, heard_wrongly, names)
    if not train and not valid:
        raise nothing_found(data, kept)
    if dry_run:
        data |= {
            "status": "dry_run",
            "samples": [shown(row) for row in (train + valid)[: export.SAMPLES]],
        }
    else:
        labelled = [("train", row) for row in train] + [("valid", row) for row in valid]
        data = {"status": "extracted"} | export.write(
            home, "dpo", labelled, lambda: data, still_allowed
        )
        # The same files under the names that Fae's nightly loop reads.
        data |= {"source_db": str(path), "episodes_scanned": data["episodes"]}
        data["stats"] = {"total_pairs": len(labelled), "correction_breakdown": data["patterns"]}
        if out := call.arguments.output_dir:
            app_exports.link(home, "dpo", out)
        data["output_files"] = {"dpo_pairs": str(home.file("data", "dpo", "train.jsonl"))}
    if not dry_run:
        from fae_training.lifecycle import next_steps

        data["next"] = next_steps.unless_learned(call.home, "dpo", "train_dpo.py --preset light")
        if data["next"] is None:
            data["nothing_new_since"] = runs.find(call.home, kind="dpo").id
            data["say"] = "I have learned all of these corrections already."
    return Result(data, text(data, home.file("data", "dpo")))


def _is_forgotten(found: Dialogue, *texts: str) -> bool:
    return any(found.forgotten.mentioned_in(text) for text in texts)


def describe(
    found: Dialogue,
    miner: preference_pairs.PairMiner,
    train: list,
    valid: list,
    report: lint.Report,
) -> dict:
    """The content of meta.json."""
    patterns = {}
    for row in train + valid:
        patterns[row["pattern"]] = patterns.get(row["pattern"], 0) + 1
    return {
        "kind": "dpo",
        "summary": counted(len(train) + len(valid), "correction"),
        "episodes": found.read,
        "order_is_known": "session_messages" in found.database.tables,
        "found": dict(miner.found.most_common()),
        "rows": {"train": len(train), "valid": len(valid)},
        "patterns": patterns,
        "no_pair": {reason: n for reason, n in miner.left_out.most_common() if n},
        "excluded": dict(found.excluded.most_common()),
        "lint": report.as_dict(),
    }


def keep_misheard(
    call: Call, found: list[spoken.SpokenCorrection], names: list[str]
) -> list[Correction]:
    """Add new misheard words and names to the training data of train_stt."""
    known = {(each.heard, each.meant) for each in misheard.all_corrections(call.home)}
    new = [word for word in dict.fromkeys(found) if (word.heard, word.meant) not in known]
    kept = [misheard.checked(call.home, word.heard, word.meant, origin=ORIGIN) for word in new]
    if kept or names:
        vocabulary.keep(call.home, kept, names)
    return kept


def nothing_found(data: dict, kept: list[Correction]) -> Missing:
    corrections = sum(n for kind, n in data["found"].items() if kind != "praise")
    reasons = ", ".join(
        f"{n}: {preference_pairs.NO_PAIR[reason]}" for reason, n in data["no_pair"].items()
    )
    what = (
        f"{counted(corrections, 'correction was', 'corrections were')} found and none makes a usable pair ({reasons})"
        if corrections
        else f"there is no correction in {counted(data['episodes'], 'episode')}"
    )
    if not data["order_is_known"]:
        what += (
            ": this database has no session messages, so the order of what was said is not known"
        )
    also = f"; {len(kept)} misheard words were saved for train_stt" if kept else ""
    return Missing(
        "no_corrections",
        what + also,
        'tell Fae when an answer is not right: "too long", "simpler, please", "no, I meant ...", "that\'s wrong", '
        "or ask again in other words; then run the same command again",
    )


def shown(row: dict) -> dict:
    """A shortened pair, for display."""
    return {
        "pattern": row["pattern"],
        "asked": export.shortened(row["prompt"][-1]["content"], 80),
        "accepted": export.shortened(row["chosen"][0]["content"], 80),
        "not_accepted": export.shortened(row["rejected"][0]["content"], 80),
        "weight": row["weight"],
    }


def text(data: dict, directory: Path) -> str:
    """What a person reads."""
    rows = data["rows"]
    kinds = ", ".join(f"{n} {kind.replace('_', ' ')}" for kind, n in data["patterns"].items())
    lines = [
        f"{counted(sum(rows.values()), 'pair')} of answers ({kinds}): {rows['train']} to train on, {rows['valid']} held out."
    ]
    if data["no_pair"]:
        lines += ["", "No pair was made from"]
        lines += [
            f"  {n:5,}  {preference_pairs.NO_PAIR[reason]}" for reason, n in data["no_pair"].items()
        ]
    if data["lint"]["remarks"]:
        lines += ["", "About these pairs:", *(f"  {remark}" for remark in data["lint"]["remarks"])]
    for sample in data.get("samples", []):
        lines += [
            "",
            f"  you asked: {sample['asked']}   ({sample['pattern']}, weight {sample['weight']})",
        ]
        lines += [f"  accepted:  {sample['accepted']}", f"  not:       {sample['not_accepted']}"]
    if data["misheard"] or data["names"]:
        lines += [
            "",
            f"For train_stt: {counted(data['misheard'], 'misheard word')}, {counted(data['names'], 'name')}.",
        ]
    if data["status"] == "dry_run":
        return "\n".join([*lines, "", "Nothing was written."])
    return "\n".join([*lines, "", f"Written to {directory}."])


def build_parser() -> calling.Parser:
    parser = calling.parser(__doc__, dry_run=True)
    parser.add_argument(
        "--db", type=Path, metavar="FILE", help="Fae's database (default: Fae's own)"
    )
    parser.add_argument(
        "--output-dir", type=Path, metavar="DIR", help="link it there under Fae's own names"
    )
    return parser


if __name__ == "__main__":
    calling.run(main, build_parser())
