"""Whose turns may be learned from, by the profiles of voices in Fae's speakers.json."""

from fae_training.conversations.database import FaeDatabase
from fae_training.store import state


class Speakers:
    """The speakers to learn from: the owner, and unknown speakers as long as no owner is enrolled."""

    def __init__(self, database: FaeDatabase):
        directory = database.directory
        self.owners = {"owner"}
        self.owner_is_enrolled = False
        self.warning = None
        try:
            profiles = state.parsed(state.read_text(directory / "speakers.json"))
            if not isinstance(profiles, list):
                raise TypeError("expected a list of profiles")
            for profile in profiles:
                if profile.get("role", profile["label"]) == "owner":
                    self.owner_is_enrolled = True
                    self.owners.add(profile["label"])
        except FileNotFoundError:
            # A copy without Fae's other files: voices were enrolled, but which one is the owner's is unknown.
            if database.names_voices():
                self.owner_is_enrolled = True
                self.warning = (
                    f"there is no speakers.json in {directory}, although the database distinguishes voices, so only "
                    "turns marked as the owner's were used"
                )
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            # Somebody is enrolled, but we cannot tell who: learn from no unknown voice.
            self.owner_is_enrolled = True
            self.warning = f"{directory / 'speakers.json'} cannot be read, so only turns marked as the owner's were used"

    def may_learn_from(self, speaker: str | None) -> bool:
        return speaker in self.owners or (not speaker and not self.owner_is_enrolled)
