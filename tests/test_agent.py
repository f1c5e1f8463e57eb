"""Whether an agent that knows skill.md alone makes the right call: a small one, whose words are those of skill.md."""

import importlib.util
import json
import math
import re
from collections import Counter
from dataclasses import dataclass

import pytest

from calls import ROOT, SCRIPTS
from fae_training.calls.calling import read_call
from fae_training.environment.models import MODEL_MAP
from fae_training.lifecycle.kinds import KINDS

SKILL = (ROOT / "skill.md").read_text(encoding="utf-8")
# Words that say nothing about what is wanted.
EMPTY = frozenset(
    [
        "a",
        "an",
        "the",
        "to",
        "of",
        "in",
        "on",
        "for",
        "with",
        "and",
        "or",
        "is",
        "are",
        "was",
        "be",
        "it",
        "its",
        "that",
        "this",
        "there",
        "my",
        "me",
        "i",
        "you",
        "your",
        "we",
        "our",
        "us",
        "do",
        "does",
        "did",
        "can",
        "could",
        "would",
        "will",
        "please",
        "fae",
        "hey",
        "so",
        "at",
        "as",
        "from",
        "by",
        "just",
        "now",
    ]
)


@dataclass(frozen=True)
class Row:
    script: str
    params: dict
    words: frozenset[str]


def stems(text: str) -> frozenset[str]:
    found = set()
    for word in re.findall(r"[a-z]+", text.lower()):
        if word not in EMPTY:
            found.add(re.sub(r"(?:ings?|ed|es|s|ly)$", "", word) if len(word) > 4 else word)
    return frozenset(found)


def section(title: str) -> list[list[str]]:
    """The cells of a section's table, without its head."""
    text = SKILL.split(f"## {title}\n")[1].split("\n## ")[0]
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def table() -> list[Row]:
    """A row for each phrase, with what the catalogue says of its script as weaker evidence left aside."""
    return [
        Row(script, json.loads(re.search(r"`(\{.*?\})`", params).group(1)), stems(phrase))
        for phrases, script, params in section("When the person says")
        for phrase in re.findall(r'"([^"]+)"', phrases)
    ]


class Agent:
    """It takes the row whose phrase has the most in common with what was said, rare words counting more."""

    def __init__(self):
        self.rows = table()
        seen = Counter(word for row in self.rows for word in row.words)
        self.weight = {word: math.log(1 + len(self.rows) / n) for word, n in seen.items()}

    def call(self, said: str) -> Row:
        words = stems(said)

        def score(row: Row) -> float:
            common = sum(self.weight[word] for word in words & row.words)
            return common / math.sqrt(sum(self.weight[word] for word in row.words) + 1)

        return max(self.rows, key=score)


SAID = {
    "setup": [
        "Yes, you may learn from our conversations.",
        "I allow that.",
        "Okay, you can use recordings of my voice.",
        "I don't want you to learn from me any more.",
        "I take back my permission.",
        "Please download the models.",
        "Get everything ready for training.",
    ],
    "export_data": [
        "Collect our conversations, please.",
        "What would you learn from me?",
        "Show me what you would use.",
        "Never learn anything about my divorce.",
        "Leave my health out of it.",
        "Forget what I said about the interview in training too.",
        "Read what we talked about this week.",
    ],
    "train": [
        "Start a learning update.",
        "Train on our conversations.",
        "Learn how I like to be answered.",
        "Train thoroughly tonight, overnight is fine.",
        "Go on with the training that was stopped.",
        "Please resume.",
        "Take your time with this one.",
    ],
    "extract_corrections": [
        "Find my corrections.",
        "Look for the places where I corrected you.",
    ],
    "train_dpo": [
        "Learn from my corrections.",
        "Learn which answers I preferred.",
        "I corrected you a lot, learn from those corrections.",
    ],
    "add_correction": [
        "My name is Joanne, not Joan.",
        "It's spelled Niamh.",
        "You misheard that word.",
    ],
    "add_samples": ["Use the recordings of when you didn't wake up."],
    "train_stt": [
        "Learn the names that you always mishear.",
        "You should hear my names better.",
    ],
    "train_keyword": [
        "Listen better for your name.",
        "You should stop when I say stop.",
        "You don't wake up when I call you.",
    ],
    "train_speech_verifier": [
        "The music keeps waking you up.",
        "Don't take the television for me.",
    ],
    "check_status": [
        "Are you still learning?",
        "How far are you with it?",
        "Is it finished yet?",
        "What are you using now?",
    ],
    "cancel": [
        "Stop learning.",
        "Cancel this run.",
        "Abort the training, please.",
    ],
    "evaluate": [
        "Is the new one any better?",
        "Test it.",
        "Compare it with the current one.",
    ],
    "propose": [
        "What has changed?",
        "Show me the proposal.",
        "Explain the update to me.",
        "No, I don't want this update.",
        "Reject it, the answers are too short.",
    ],
    "deploy": [
        "Use the update. The code is KLM-234.",
        "My approval code is KLM-234.",
        "Does the active update still work?",
        "Check what is deployed.",
    ],
    "rollback": [
        "Undo the last learning update.",
        "Go back, please.",
        "You were better before.",
    ],
    "list_runs": [
        "What have you learned so far?",
        "List all the runs.",
        "Show me the history of your updates.",
    ],
    "fuse": [
        "Make one model file of it.",
        "Export the adapter for another program.",
    ],
}


def test_there_are_sixty_or_more_and_no_two_are_the_same():
    assert sum(map(len, SAID.values())) >= 60


@pytest.mark.parametrize("script", SAID)
def test_what_a_user_says_leads_to_the_right_script(script):
    agent = Agent()
    wrong = {question: agent.call(question).script for question in SAID[script]}
    assert {question: found for question, found in wrong.items() if found != script} == {}


@pytest.mark.parametrize(
    ("said", "params"),
    [
        ("I take my permission back.", {"revoke": ["conversations", "corrections", "audio"]}),
        ("You may use my voice.", {"consent": ["audio"]}),
        ("What would you learn?", {"dry_run": True}),
        ("Resume the training.", {"resume": "latest"}),
        ("Check what is deployed.", {"check": True}),
        ("Forget what I said about the interview.", {"forget": ["the interview"]}),
    ],
)
def test_what_a_user_says_leads_to_the_right_parameters(said, params):
    assert Agent().call(said).params == params


def parser_of(script: str):
    spec = importlib.util.spec_from_file_location(f"agent_{script}", SCRIPTS / f"{script}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.build_parser()


def calls_in_text() -> set[tuple[str, str]]:
    """Every call that skill.md writes out, in its tables and its workflows."""
    rows = {(row.script, json.dumps(row.params)) for row in table()}
    return rows | set(re.findall(r"`(\w+)` `(\{.*?\})`", SKILL))


@pytest.mark.parametrize(("script", "params"), sorted(calls_in_text()))
def test_every_call_in_the_text_is_one_that_the_script_takes(script, params):
    read = read_call(parser_of(script), [params], "program")
    for name, value in json.loads(params).items():
        assert getattr(read.arguments, name) == value


# What the tables say


def test_the_model_table_is_that_of_the_code():
    shown = {name: (model, memory) for name, model, memory in section("Model map")}
    for name, (model, least) in MODEL_MAP.items():
        assert shown.pop(name) == (
            model.split("/")[1],
            f"from {least} GB" if least else "less than 16 GB",
        )
    assert not shown


def test_the_presets_are_those_of_the_code():
    for name, *numbers in section("Training presets (SFT)"):
        assert list(map(float, numbers)) == list(map(float, KINDS["sft"].presets[name].values()))


def test_the_modes_are_the_train_scripts():
    assert [mode[1] for mode in section("Training modes")] == [
        kind.script.removesuffix(".py") for kind in KINDS.values()
    ]


# The form


def test_it_passes_the_validator_of_the_agent_skills_specification(tmp_path):
    import skills_ref

    folder = tmp_path / "training-orchestrator"
    folder.mkdir()
    (folder / "SKILL.md").write_text(SKILL, encoding="utf-8")
    assert skills_ref.validate(folder) == []
    (folder / "SKILL.md").write_text(SKILL.replace("name: t", "name: T"), encoding="utf-8")
    assert skills_ref.validate(folder) != [], "it validates nothing"


def test_it_is_shorter_than_200_lines():
    assert len(SKILL.splitlines()) < 200
