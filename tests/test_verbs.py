"""Every script's help shows how it is called, with a valid example."""

import pytest

from calls import SCRIPTS
from fae_training.calls import calling, verbs

VERBS = verbs.load(SCRIPTS)


def test_every_script_is_a_verb():
    assert set(VERBS) == {path.stem for path in SCRIPTS.glob("*.py")}


@pytest.mark.parametrize("verb", VERBS.values(), ids=VERBS)
def test_the_help_has_an_example_of_the_script_itself_and_every_example_is_one_that_can_be_called(
    verb,
):
    assert f"scripts/{verb.name}.py" in " ".join(verb.examples)
    for example, words in zip(verb.examples, verb.words, strict=True):
        name = example.split()[2].removeprefix("scripts/").removesuffix(".py")
        words = words[: words.index(">")] if ">" in words else words
        calling.read_call(VERBS[name].parser, words, "person")


@pytest.mark.parametrize("verb", VERBS.values(), ids=VERBS)
def test_the_summary_is_one_paragraph_that_ends(verb):
    assert verb.summary.endswith((".", "?")) and "\n\n" not in verb.summary
