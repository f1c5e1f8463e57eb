"""Which conversations are held out: a fifth, by a stable hash of the conversation's id.

The side depends on the id alone, so a conversation that was held out once stays in the validation
set, whatever is added, removed or exported later. Preference pairs are on the side of their
conversation.
"""

from fae_training.conversations.text import fingerprint

HELD_OUT_PERCENT = 20


def is_held_out(conversation: str) -> bool:
    """Whether the conversation with this id is for validation only."""
    return fingerprint("held out? " + conversation) % 100 < HELD_OUT_PERCENT
