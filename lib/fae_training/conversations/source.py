"""Opens Fae's conversations with the rules that apply to everything trained on them."""

import contextlib
import os
import shutil
import signal
import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path

from fae_training.app import fae_app
from fae_training.calls.calling import Call
from fae_training.calls.errors import Busy, SkillError
from fae_training.capabilities import suite
from fae_training.conversations import filters, forgetting
from fae_training.conversations.database import FaeDatabase, explained
from fae_training.conversations.dialogue import Dialogue
from fae_training.conversations.mentions import is_name_alone, meaning_of
from fae_training.conversations.speakers import Speakers
from fae_training.conversations.spoken_requests import SpokenRequests
from fae_training.conversations.text import words
from fae_training.lifecycle.kinds import KINDS
from fae_training.store import consent, locks, state
from fae_training.store.state import Home


def database_path(call: Call) -> Path:
    """--db, or Fae's own database."""
    return call.arguments.db or fae_app.database()


def other_names(database_path: Path, phrases: Collection[str]) -> list[str] | None:
    """As phrases, the other names under which Fae knows the people in `phrases`; None where its database cannot be read,
    because forgetting must not depend on it."""
    people = forgetting.Exclusions().with_phrases(phrases).people
    if not people:
        return []
    with (
        contextlib.suppress(SkillError),
        FaeDatabase(database_path) as database,
        explained(database.path),
    ):
        return _also_called(database, people)
    return None


def _also_called(database: FaeDatabase, people: Collection[str]) -> list[str]:
    """The other names of people, as phrases: each word of "Anita Berg" is a mention, of "my best friend" only all together.
    Of "Aunt May" only "aunt" is left to search for, which would be many people."""
    phrases = []
    for name in database.aliases(people):
        if is_name_alone(name):
            phrases.append(f"person:{name}")
        elif len(meaning_of(name)) > 1:
            # Without commas, which would make several topics of it.
            phrases.append(f"topic:{' '.join(words(name))}")
    return phrases


def _stop(*_) -> None:
    raise KeyboardInterrupt


@contextlib.contextmanager
def workspace(home: Home) -> Iterator[Path]:
    """A private directory for temporary files, removed afterwards, even when Fae stops the script
    for taking too long.

    Raises Busy while another export holds it: two at once would mix their files.
    """
    directory = home.directory("data")
    descriptor = locks.try_exclusive(directory / ".lock")
    if descriptor is None:
        raise Busy(
            "export_running",
            "another export is reading Fae's conversations",
            "run the same command again in a moment",
        )
    for left_behind in directory.glob(".work-*"):
        shutil.rmtree(left_behind, ignore_errors=True)
    for kind in KINDS:
        state.sweep(directory / kind)
    path = Path(tempfile.mkdtemp(prefix=".work-", dir=directory))
    before = signal.signal(signal.SIGTERM, _stop)
    try:
        yield path
    finally:
        signal.signal(signal.SIGTERM, before)
        shutil.rmtree(path, ignore_errors=True)
        os.close(descriptor)


@contextlib.contextmanager
def dialogue(
    home: Home,
    database_path: Path,
    since: int = 0,
    edit: forgetting.Edit | None = None,
    dry_run: bool = False,
    learn: Collection[str] = (),
) -> Iterator[Dialogue]:
    """The conversations that may be used for training.

    `since`: unix seconds, older episodes are left out. `edit`: a change of exclusions.json
    that is planned or was just made. `learn`: the personal details that may be learned
    (settings.personal_details_to_learn). A dry run keeps its temporary file out of the state
    directory. Raises as FaeDatabase, forgetting.load, suite.load and workspace do.
    """
    place = tempfile.TemporaryDirectory() if dry_run else workspace(home)
    with FaeDatabase(database_path) as database, explained(database.path), place as work:
        # Read once no other export runs: a topic excluded in the meantime must not come back.
        kept = forgetting.load(home)
        exclusions = edit.applied_to(kept) if edit else kept
        everybody = exclusions.with_phrases(_also_called(database, exclusions.people))
        forgotten = forgetting.from_exclusions(everybody)
        requests = SpokenRequests(exclusions.keep)

        def talk() -> Iterator[str]:
            return (text for _, _, _, text, *_ in database.episodes())

        requests.add(forgotten, said_to_fae(database), talk)
        records = [(text, at) for _, text, at in database.audited_forgets() if text]
        too_common = forgetting.add_guesses(
            forgotten,
            records,
            requests,
            talk,
        )
        found = Dialogue(
            database,
            forgotten,
            requests,
            Speakers(database),
            since,
            Path(work),
            suite.load(home),
            learn,
            too_common,
        )
        found.exclusions = kept
        try:
            yield found
        finally:
            found.close()


def require_still_allowed(home: Home, found: Dialogue, *sources: str) -> None:
    """For the change that keeps what was read: raises Refused if a consent was withdrawn meanwhile, and Busy if something was
    excluded or forgotten, which the rows do not know.
    """
    for source in sources:
        consent.require(home, source)
    if forgetting.load(home) != found.exclusions:
        raise Busy(
            "excluded_meanwhile",
            "what is to be left out changed while the conversations were read, so nothing was written",
            "run the same command again",
        )


def said_to_fae(database: FaeDatabase) -> Iterator[tuple[str, int]]:
    """(text, unix seconds) of everything that may contain a request to forget: messages, and turns
    whose messages are not kept."""
    yield from database.user_messages()
    for _, _, _, text, _, _, at, _ in database.episodes():
        if turn := filters.split_episode(text):
            yield turn[0], at
