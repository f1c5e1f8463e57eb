"""Messages between a run's worker and its processes on other machines, over a pair of pipes. Standard library only.

Every child process has pipes, whether started locally or through ssh, and they close when it ends: the same channel
carries the messages and detects a lost peer.
"""

import contextlib
import json
import queue
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import BinaryIO

# Seconds between heartbeats, and of silence after which the other side counts as lost.
BEAT_S, SILENCE_S = 2.0, 60.0
_BEAT = "beat"
# Lengths of a message's JSON header and of the bytes after it.
_LENGTHS = struct.Struct(">IQ")


@dataclass(frozen=True)
class Message:
    """`name` says what it is, `values` are sent as JSON, `arrays` as a safetensors file (arrays.to_bytes)."""

    name: str
    values: dict = field(default_factory=dict)
    arrays: bytes = b""


class Ended(Exception):
    """The other side has ended; the text says how that was detected."""


class Channel:
    """One end of the connection. `on_end(why)` is called once, from a thread, when the other side has ended."""

    def __init__(self, reading: BinaryIO, writing: BinaryIO, on_end: Callable[[str], None]):
        self._reading, self._writing, self._on_end = reading, writing, on_end
        self._received: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        self._received_at = time.monotonic()
        self._sending = threading.Lock()
        self._ending = threading.Lock()
        self._over = threading.Event()
        self.ended: str | None = None
        for work in (self._read, self._beat):
            threading.Thread(target=work, daemon=True).start()

    def send(self, name: str, arrays: bytes = b"", **values) -> None:
        """Send a message. Raises Ended if the other side has ended."""
        with self._sending:
            self._write(Message(name, values, arrays))

    def receive(self, *names: str, check: Callable[[], None] = lambda: None) -> Message:
        """The next message, which must be one of `names`. `check` is called while waiting and may raise to stop waiting.

        Raises Ended once every message sent before the end has been received.
        """
        while True:
            try:
                message = self._received.get(timeout=0.5)
            except queue.Empty:
                check()
                continue
            if message is None:
                self._received.put(None)
                raise Ended(self.ended)
            if message.name not in names:
                raise Ended(f"it sent {message.name!r} where {' or '.join(names)} was expected")
            return message

    def wait_for_end(self, seconds: float) -> None:
        """Wait until the other side has ended, for at most `seconds`."""
        self._over.wait(seconds)

    def close(self) -> None:
        """Send nothing more, and do not call on_end."""
        with self._ending:
            self.ended = self.ended or "closed"
        # Nobody is left to receive unsent messages.
        with self._sending, contextlib.suppress(OSError):
            self._writing.close()

    def _write(self, message: Message) -> None:
        header = json.dumps([message.name, message.values]).encode()
        try:
            self._writing.write(_LENGTHS.pack(len(header), len(message.arrays)))
            self._writing.write(header)
            self._writing.write(message.arrays)
            self._writing.flush()
        except (OSError, ValueError) as problem:  # ValueError: closed
            self._end("its process ended")
            raise Ended(self.ended) from problem

    def _read(self) -> None:
        try:
            while lengths := self._reading.read(_LENGTHS.size):
                of_header, of_arrays = _LENGTHS.unpack(lengths)
                name, values = json.loads(self._reading.read(of_header))
                arrays = self._reading.read(of_arrays)
                self._received_at = time.monotonic()
                if name != _BEAT:
                    self._received.put(Message(name, values, arrays))
            self._end("its process ended")
        except (OSError, ValueError, struct.error) as problem:
            self._end(f"its message cannot be read: {problem}")

    def _beat(self) -> None:
        while not self.ended:
            slept_from = time.monotonic()
            time.sleep(BEAT_S)
            if time.monotonic() - slept_from > 3 * BEAT_S:
                self._received_at = time.monotonic()  # this process itself was suspended
            if (silent := time.monotonic() - self._received_at) > SILENCE_S:
                self._end(f"nothing was received from it for {silent:.0f} seconds")
            elif self._sending.acquire(timeout=BEAT_S):
                try:
                    with contextlib.suppress(Ended):  # already recorded
                        self._write(Message(_BEAT))
                finally:
                    self._sending.release()

    def _end(self, why: str) -> None:
        with self._ending:
            if self.ended:
                return
            self.ended = why
        self._over.set()
        self._received.put(None)
        self._on_end(why)
