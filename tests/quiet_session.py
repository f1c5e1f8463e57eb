"""A session for trainings inside a test's own process, without progress files or cancelling."""

import contextlib

from fae_training.distributed.alone import ALONE


class QuietSession:
    """What fit() and the scoring ask of a session; tests override what they want to see."""

    machines = ALONE

    def should_stop(self) -> bool:
        return False

    def check(self) -> None:
        pass

    def status(self, word: str) -> None:
        pass

    @contextlib.contextmanager
    def stage(self, name: str, total: int | None = None, left=None, done: int = 0):
        yield

    def progressed(self, done: int, total: int | None = None) -> None:
        pass

    def advance(self, done: int, total: int | None = None) -> None:
        self.progressed(done, total)
        self.check()

    def report(self, values: dict) -> None:
        pass

    def log(self, text: str) -> None:
        pass
