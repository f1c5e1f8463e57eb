"""Ordinary sentences to an assistant, with or without a name.

Words are synthesised in them when the person's own sentences are not available, and a recogniser
must keep recognising them while it learns.
"""

import re

from fae_training.speech.misheard import composed, whole_word, words_of

WITH_A_NAME = (
    "Call {}.",
    "Text {} now.",
    "Where is {}?",
    "Tell {} I am late.",
    "My name is {}.",
    "{} is coming tomorrow.",
    "Book lunch with {}.",
    "Is {} at home?",
    "Send it to {}.",
    "Did {} call back?",
    "Meet {} at noon.",
    "Ask {} about dinner.",
    "{} will be here today.",
    "Remind me to call {}.",
    "This is {} here.",
)

_ROOMS = ("kitchen", "bedroom", "hall", "garden")
_THINGS = ("light", "lamp", "heater", "radio")
_NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_GROCERIES = ("milk", "bread", "coffee", "apples", "soap", "rice")

WITHOUT_A_NAME = (
    *(
        f"Turn {state} the {room} {thing}."
        for state in ("on", "off")
        for room in _ROOMS
        for thing in _THINGS
    ),
    *(f"Set a timer for {number} minutes." for number in _NUMBERS[1:]),
    *(f"Wake me at {number}." for number in _NUMBERS),
    *(f"Add {item} to the list." for item in _GROCERIES),
    *(f"How is the weather {day}?" for day in ("today", "tomorrow")),
    "What time is it?",
    "Play some music.",
    "Stop the music.",
    "Good morning.",
    "Good night.",
    "Open the window.",
    "Close the door.",
    "Read my messages.",
    "Thank you.",
    "What did I say?",
)

# Names that every recogniser knows, so that learning one name does not mean answering with it always.
COMMON_NAMES = """Marian Alice Robert Hannah Peter Julia Daniel Laura Victor Emma Simon Clara Martin Sofia Henry
    Nina Oscar Rachel Thomas Ellen George Olivia Walter Sarah David Irene Frank Monica Leo Helen
    Arthur Diana Patrick Judith Felix Carol Samuel Vera Hugo Anna Edward Louise Philip Yvonne
    Eve Ivan Neil Steven Luke Caroline Stephanie Gwen Bethany Theodore Matthew Jessica Isaac
    Gloria Norman Beatrice Conrad Dorothy Ernest Florence Gilbert Harriet Isabel Jacob Katherine
    Leonard Margaret Nathan Owen Penelope Quentin Rebecca Sebastian Tabitha Ursula Vincent Wendy
    Xavier Zoe Adrian Bruno Cecilia Dominic Esther Gabriel Heather Jasper Keith Lydia Maurice
    Noah Phoebe Rupert Sylvia Timothy Yolanda""".split()  # noqa: SIM905

LONGEST_OWN_SENTENCE = 9  # words


def own_carriers(turns: list[str], terms: list[str]) -> list[str]:
    """The person's own sentences with a term replaced by a placeholder: "Ring Marion at six" ->
    "Ring {} at six".

    Only short sentences with one known term or common name are used; each once, in order.
    """
    pattern = whole_word([*{*terms, *COMMON_NAMES}])
    carriers = {}
    for sentence in _sentences(turns):
        if len(pattern.findall(sentence)) == 1 and "{" not in sentence:
            carriers[pattern.sub("{}", sentence)] = None
    return [carrier for carrier in carriers if carrier not in ("{}", "{}.", "{}?", "{}!")]


def own_sentences(turns: list[str], terms: list[str]) -> list[str]:
    """The person's own short sentences without any term; each once, in order."""
    avoided = {word for term in terms for word in words_of(term)}
    kept = {}
    for sentence in _sentences(turns):
        words = words_of(sentence)
        if len(words) >= 3 and not avoided.intersection(words):
            kept[sentence] = None
    return list(kept)


def _sentences(turns: list[str]) -> list[str]:
    parts = [
        part.strip() for turn in turns for part in re.split(r"(?<=[.?!])\s+|\n+", composed(turn))
    ]
    return [part for part in parts if 2 <= len(part.split()) <= LONGEST_OWN_SENTENCE]
