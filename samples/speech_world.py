"""The small world that the sample speech model hears, and the names it has never heard.

Everything that the sample model transcribes is made from the skill's own ordinary sentences and common names, so
its vocabulary is small enough to be learned from scratch on a laptop's processor in minutes.
"""

from fae_training.speech.sentences import COMMON_NAMES, WITH_A_NAME, WITHOUT_A_NAME

# Never in the training speech. "Marion" sounds exactly as "Marian", as for the person who is always misheard;
# the others are new sounds, spelled in ways that no known name suggests.
HELD_BACK_NAMES = [
    "Marion",
    "Siobhan",
    "Saoirse",
    "Anwen",
    "Thaddeus",
    "Persephone",
    "Anouk",
    "Ottoline",
]

SENTENCES_WITH_A_NAME = (*WITH_A_NAME, "Invite {} and {}.")


def training_sentence(random) -> str:
    """One sentence drawn with a numpy Generator: three in four carry known names."""
    if random.random() < 0.75:
        template = str(random.choice(SENTENCES_WITH_A_NAME))
        return template.format(*random.choice(COMMON_NAMES, size=2, replace=False))
    return str(random.choice(WITHOUT_A_NAME))


def sentence_with(name: str, random) -> str:
    """`name` in one of the sentences."""
    return str(random.choice(WITH_A_NAME)).format(name)
