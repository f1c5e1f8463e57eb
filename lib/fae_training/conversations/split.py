"""Which conversations are held out: a fifth, by a stable hash of the conversation's id.

The side depends on nothing but the id, so a conversation that was held out once is held out for ever, whatever
is added, removed or exported later, and the preference pairs cut from a conversation stand on its side.
"""

from fae_training.conversations.text import fingerprint

HELD_OUT_PERCENT = 20


def is_held_out(conversation: str) -> bool:
    """Whether the conversation with this id is for validation only."""
    return fingerprint("held out? " + conversation) % 100 < HELD_OUT_PERCENT
