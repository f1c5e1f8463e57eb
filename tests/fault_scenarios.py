"""What the scripts are made to do while faults strike (faults.py), and what must hold afterwards."""

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass

import prepared
from fae_training.conversations import forgetting
from fae_training.lifecycle import runs
from fae_training.release import approval, deployment, rejection
from fae_training.speech import misheard
from fae_training.store import consent, state, transactions
from make_database import make_database

SECRET = "the clinic in Bergen"


@dataclass(frozen=True)
class Scenario:
    """A script on a prepared home. `changed` says whether what it is for has happened."""

    script: str
    prepare: Callable[[state.Home], list[str]]
    changed: Callable[[state.Home], bool]
    name: str = ""
    # What a repeated call may be refused with when the first one was killed after its work.
    done_already: tuple[str, ...] = ()
    # It keeps something in a step of its own before: that one may be what "unfinished" is said of.
    in_steps: bool = False


def active(place: state.Home) -> str | None:
    entry = deployment.current(place, "language")
    return entry and entry.run


def _finished(place: state.Home) -> list[str]:
    prepared.finished(place)
    return []


def _judged(place: state.Home) -> list[str]:
    prepared.judged(place)
    return []


def _proposed(place: state.Home) -> list[str]:
    prepared.deployed(place, 1)
    run = prepared.judged(place, 2)
    run.update(status="completed")
    with transactions.changing(place) as change:
        code = approval.new_code()
        approval.keep(change, run, code)
        change.write_text(run.file("proposal.md"), f"**{code}**\n")
    return ["--code", code]


def _two_deployed(place: state.Home) -> list[str]:
    prepared.deployed(place, 1)
    prepared.deployed(place, 2)
    return []


def _learned(place: state.Home) -> list[str]:
    run = prepared.deployed(place, 1)
    prepared.learned(place, run, f"I was at {SECRET} again", "What is the weather?")
    consent.change(place, [], ["conversations"])
    return ["--forget", SECRET]


def _waiting(place: state.Home) -> list[str]:
    _proposed(place)
    return ["--reject", "too short"]


def _may_correct(place: state.Home) -> list[str]:
    consent.change(place, ["corrections"], [])
    prepared.corrected(place, "Marian", "Marion")
    return ["--heard", "shivon", "--meant", "Siobhan"]


def _with_conversations(place: state.Home) -> list[str]:
    made = make_database(place.path.with_name("fae"), conversations=6)
    return ["--db", str(made.database), "--exclude", "gardening"]


def _with_corrections(place: state.Home) -> list[str]:
    consent.change(place, ["corrections"], [])
    made = make_database(place.path.with_name("talk"), conversations=40)
    return ["--db", str(made.database)]


def _excluded(place: state.Home) -> bool:
    return "gardening" in forgetting.load(place).topics


def deployed_count(place: state.Home) -> int:
    return len(deployment.deployments(place).get("language", []))


SCENARIOS = {
    "allow": Scenario(
        "setup",
        lambda place: ["--consent", "corrections", "audio"],
        lambda place: consent.granted(place, "audio"),
    ),
    "revoke": Scenario(
        "setup",
        lambda place: ["--revoke", "conversations"],
        lambda place: not consent.granted(place, "conversations"),
    ),
    "evaluate": Scenario(
        "evaluate",
        _finished,
        lambda place: runs.find(place).file("evaluation.json").exists(),
    ),
    "propose": Scenario(
        "propose",
        _judged,
        lambda place: runs.find(place).file("proposal.json").exists(),
    ),
    "deploy": Scenario(
        "deploy",
        _proposed,
        lambda place: deployed_count(place) == 2,
        done_already=("code_used",),
    ),
    "reject": Scenario(
        "propose",
        _waiting,
        lambda place: rejection.standing(runs.find(place)) is not None,
        done_already=("not_proposed", "rejected"),
    ),
    "correct": Scenario(
        "add_correction",
        _may_correct,
        lambda place: len(misheard.all_corrections(place)) > 1,
    ),
    "exclude and export": Scenario(
        "export_data",
        _with_conversations,
        lambda place: _excluded(place) and place.file("data", "sft", "meta.json").exists(),
        in_steps=True,
    ),
    "extract": Scenario(
        "extract_corrections",
        _with_corrections,
        lambda place: place.file("data", "dpo", "meta.json").exists(),
        in_steps=True,
    ),
    "rollback": Scenario(
        "rollback",
        _two_deployed,
        lambda place: deployed_count(place) < 2,
        done_already=("nothing_to_undo",),
    ),
    "forget": Scenario(
        "export_data",
        _learned,
        lambda place: SECRET in forgetting.load(place).topics,
    ),
}


def inconsistent(place: state.Home) -> list[str]:
    """What does not agree in a state directory, read without the code that wrote it."""
    found = []
    for path in sorted(place.path.rglob("*")):
        if path.is_dir() or transactions.STAGED in path.parts:
            continue
        if path.name.startswith("."):
            if path.name not in (".lock", ".app.lock"):
                found.append(f"{path.name} was left behind")
        elif path.stat().st_mode & 0o077:
            found.append(f"{path} is readable by others")
        elif path.suffix == ".json":
            try:
                json.loads(path.read_bytes())
            except ValueError:
                found.append(f"{path} is torn")
        elif path.suffix == ".jsonl":
            for line in path.read_bytes().split(b"\n")[:-1]:
                try:
                    json.loads(line)
                except ValueError:
                    found.append(f"{path} is torn")
    stack, ever = [], set()
    history = place.file("history.jsonl")
    for line in map(json.loads, history.read_text().splitlines()) if history.exists() else ():
        if line["action"] == "deploy":
            if stack and stack[-1] == line["run"]:
                found.append(f"{line['run']} was deployed twice")
            stack.append(line["run"])
            ever.add(line["run"])
        elif line["action"] == "rollback":
            stack.pop()
    active_file = place.file("active.json")
    said = json.loads(active_file.read_text()) if active_file.exists() else {}
    if [entry["run"] for name, entry in said.items() if name != "schema"] != stack[-1:]:
        found.append(f"active.json says {said}, history.jsonl {stack}")
    for approved in place.path.glob("runs/*/approval.json"):
        kept, run = json.loads(approved.read_text()), approved.parent.name
        if bool(kept["used_at"]) != (run in ever):
            found.append(f"the code of {run} is used: {kept['used_at']}, deployed: {run in ever}")
        code = re.findall(
            r"\*\*([A-Z2-9]{3}-[A-Z2-9]{3})\*\*", approved.with_name("proposal.md").read_text()
        )
        expected = f"{code[0].replace('-', '')} {kept['fingerprint']}".encode()
        if (
            hashlib.scrypt(expected, salt=kept["salt"].encode(), n=2**10, r=8, p=1).hex()
            != kept["hash"]
        ):
            found.append(f"the code in the proposal of {run} does not count")
    for judged in place.path.glob("runs/*/evaluation.json"):
        looked = place.file("looks.jsonl").read_text() if place.file("looks.jsonl").exists() else ""
        if json.loads(judged.read_text())["fingerprint"] not in looked:
            found.append(f"the look at {judged.parent.name} was not counted")
    return found


def settled(place: state.Home) -> list[str]:
    """The same after the next reader, which completes what was interrupted."""
    transactions.recover(place)
    deployment.deployments(place)
    return [text for text in inconsistent(place) if not text.endswith("was left behind")]
