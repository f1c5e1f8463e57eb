"""The small world of the sample speech model, and the names that it never heard.

Everything that the sample model transcribes is made from the skill's own ordinary sentences and
common names, so its vocabulary is small enough to be learned from scratch on a laptop's processor
in minutes.
"""

from fae_training.speech.sentences import COMMON_NAMES, WITH_A_NAME, WITHOUT_A_NAME

# (heard, meant): the names that are never in the training speech, and how the model hears them.
# Espeak-ng says "Marion" exactly as "Marian"; the others are new sounds, spelled in ways that no
# known name suggests.
MISHEARD = (
    ("Marian", "Marion"),
    ("Steven", "Siobhan"),
    ("Thomas", "Saoirse"),
    ("Owen", "Anwen"),
    ("Timothy", "Thaddeus"),
    ("Stephanie", "Persephone"),
    ("Hannah", "Anouk"),
    ("Caroline", "Ottoline"),
)
HELD_BACK_NAMES = tuple(meant for _, meant in MISHEARD)

SENTENCES_WITH_A_NAME = (*WITH_A_NAME, "Invite {} and {}.")


def training_sentence(random) -> str:
    """One sentence drawn with a numpy Generator: three in four carry known names."""
    if random.random() < 0.75:
        template = str(random.choice(SENTENCES_WITH_A_NAME))
        return template.format(*random.choice(COMMON_NAMES, size=2, replace=False))
    return str(random.choice(WITHOUT_A_NAME))
