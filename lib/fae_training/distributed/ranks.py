"""Training on several machines: this process is rank 0 and holds everything; the others compute a share of each step.

The others are processes of the same script (`--task peer`, peer.py), started locally or through ssh, with messages over
their standard streams. They receive their rows as arrays and keep nothing on disk. In a step, each gets its rows and
replies with its sums of losses and weights; then all are instructed to sum their gradients (ring.py) and apply the same
update. So a machine that dies is noticed before anyone waits for it in the ring, while the parameters are still those of
the previous step.
"""

import contextlib
import os
import signal
import socket
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, BinaryIO, cast

from fae_training.calls.errors import Failed, Missing, command_line
from fae_training.distributed import machines
from fae_training.distributed.alone import Alone, Lost
from fae_training.distributed.channel import Channel, Ended, Message
from fae_training.distributed.ring import Ring, require_neighbour
from fae_training.fitting.arrays import to_bytes
from fae_training.fitting.fit_progress import state_of
from fae_training.fitting.fit_settings import FitSettings
from fae_training.fitting.fit_step import FitStep, Sums
from fae_training.lifecycle import processes
from fae_training.lifecycle.kinds import KINDS
from fae_training.lifecycle.runs import Run
from fae_training.lifecycle.session import Session

SSH = (
    "ssh", "-T", "-o", "BatchMode=yes", "-o", "ConnectTimeout=10",
    "-o", "ServerAliveInterval=10", "-o", "ServerAliveCountMax=3",
)  # fmt: skip
# Possible paths of uv, for a non-interactive shell.
PATH = '"$HOME/.local/bin:/opt/homebrew/bin:/usr/local/bin:$PATH"'
# Seconds that a machine may take to end once asked to.
END_S = 10.0


class Peer:
    """One of the other processes: `host` is its name for people, `address` its address in the ring."""

    def __init__(
        self, host: str, command: list[str], log: Callable[[str], None], on_end: Callable[[], None]
    ):
        self.host, self.address = host, machines.address(host)
        self._on_end = on_end
        try:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,  # uv starts a child process, and both must be killed
            )
        except FileNotFoundError as problem:
            raise Missing("no_ssh", f"{command[0]} was not found", "install OpenSSH") from problem
        self._last_lines: deque[str] = deque(maxlen=3)
        self._errors = threading.Thread(target=self._keep_errors, args=(log,), daemon=True)
        self._errors.start()
        self.channel = Channel(self._pipe("stdout"), self._pipe("stdin"), self._ended)

    def _ended(self, why: str) -> None:
        # Writing to a process that no longer reads would block forever.
        self.kill()
        self._on_end()

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):  # it has ended
            os.killpg(self.process.pid, signal.SIGKILL)

    def _keep_errors(self, log: Callable[[str], None]) -> None:
        for line in self._pipe("stderr"):
            text = line.decode(errors="replace").rstrip()
            self._last_lines.append(text)
            log(f"[{self.host}] {text}")

    def _pipe(self, name: str) -> BinaryIO:
        return cast(BinaryIO, getattr(self.process, name))

    def last_lines(self) -> str:
        """Its last lines on standard error."""
        self._errors.join(1)
        return "; ".join(filter(None, self._last_lines))

    def close(self) -> None:
        """Wait for it to end by itself, with a time limit."""
        self.channel.close()
        try:
            self.process.wait(END_S)
        except subprocess.TimeoutExpired:
            self.kill()
            self.process.wait()


class Machines(Alone):
    """The other processes of a run. Every method raises Lost if one of them has ended."""

    def __init__(self, run: Run, session: Session):
        self.run, self.session = run, session
        self.others: list[Peer] = []
        self._ring: Ring | None = None

    def start(self) -> None:
        """Start a process on each of the run's hosts but the first. Raises Failed if one does not answer or has other versions."""
        hosts = self.run.record["hosts"]
        script = KINDS[self.run.kind].script
        for host in hosts[1:]:
            is_local = machines.address(host) == machines.address(hosts[0])
            task = ("--task", "peer", *(("--home", str(self.run.home.path)) if is_local else ()))
            command = processes.command(script, *task)
            self.others.append(
                Peer(host, command if is_local else over_ssh(host, command), self.session.log, self._broke)
            )  # fmt: skip
        self._here = machines.address(hosts[0])
        versions = machines.versions()
        for peer in self.others:
            found = self._versions_of(peer)
            if differing := machines.differences(versions, found):
                raise Failed(
                    "unequal_versions",
                    f"{peer.host} has {differing}; all machines must have the same versions",
                    f"copy this skill from here to {peer.host}, and try again: {self._again()}",
                )

    def _versions_of(self, peer: Peer) -> dict[str, str]:
        try:
            return peer.channel.receive("hello", check=self._check).values["versions"]
        except Ended as problem:
            reason = peer.last_lines() or str(problem)
            raise Failed(
                "no_answer",
                f"{peer.host} does not answer: {reason}",
                f"make sure that this works without a prompt: ssh {peer.host} true; then: {self._again()}",
            ) from problem

    def load(self, settings: dict, fast) -> None:
        record = self.run.record
        for peer in self.others:
            self._send(
                peer,
                "load",
                settings=settings,
                model=record["model"],
                fingerprint=record["model_fingerprint"],
                fast={name: getattr(fast, name) for name in fast.parts()},
            )

    def begin(self, step: FitStep, settings: FitSettings) -> None:
        with self.session.stage("connecting"):
            ports = [self._receive(peer, "loaded").values["port"] for peer in self.others]
            with socket.create_server((self._here, 0)) as listening:
                own = listening.getsockname()[1]
                addresses = [f"{self._here}:{own}"] + [
                    f"{peer.address}:{port}" for peer, port in zip(self.others, ports, strict=True)
                ]
                state = to_bytes(state_of(step.model, step.optimizer))
                for rank, peer in enumerate(self.others, 1):
                    self._send(
                        peer,
                        "begin",
                        state,
                        rank=rank,
                        addresses=addresses,
                        weight_decay=settings.weight_decay,
                        max_gradient_norm=settings.max_gradient_norm,
                        compiled=settings.compiled,
                    )
                require_neighbour(0, addresses)
                for peer in self.others:
                    self._receive(peer, "reached")
            # A connection to a socket that was only opened for the check would be taken for one of the ring.
            for peer in self.others:
                self._send(peer, "stop listening")
            for peer in self.others:
                self._receive(peer, "stopped")
            for peer in self.others:
                self._send(peer, "connect")
            self._ring = Ring(0, addresses)
        names = ", ".join(peer.host for peer in self.others)
        self.session.log(f"training together with {names}")

    def add_up(self, step: FitStep, batches, first: int, micro_batches: int) -> Sums:
        sizes = [batches.rows_in(first + micro) for micro in range(micro_batches)]
        own, *others = shares(sizes, len(self.others) + 1)
        for peer, parts in zip(self.others, others, strict=True):
            arrays = {
                f"{micro}/{name}": array
                for micro, part in parts
                for name, array in batches.batch_at(first + micro, part).items()
            }
            self._send(peer, "step", to_bytes(arrays), micro_batches=micro_batches)
        own_batches = ((micro, batches.batch_at(first + micro, part)) for micro, part in own)
        sums = step.add_up(own_batches, micro_batches)
        with step.profile.part("machines"):
            for peer in self.others:
                sums.add(**self._receive(peer, "sums").values)
        return sums

    def total(self, step: FitStep, sums: Sums, learning_rate: float) -> Any:
        assert self._ring
        try:
            with step.profile.part("machines"):
                for peer in self.others:
                    self._send(peer, "update", scale=sums.scale, learning_rate=learning_rate)
                return self._ring.total(sums.gradient)
        except RuntimeError as problem:
            for peer in self.others:
                peer.channel.wait_for_end(1.0)
            gone = [peer for peer in self.others if peer.channel.ended]
            raise self._lost(gone[0] if gone else None, str(problem)) from problem

    def close(self) -> None:
        for peer in self.others:
            with contextlib.suppress(Ended):
                peer.channel.send("end")
        for peer in self.others:
            peer.close()
        self.others = []

    def _send(self, peer: Peer, name: str, arrays: bytes = b"", **values) -> None:
        try:
            peer.channel.send(name, arrays, **values)
        except Ended as problem:
            raise self._lost(peer, str(problem)) from problem

    def _receive(self, peer: Peer, name: str) -> Message:
        try:
            message = peer.channel.receive(name, "failed", check=self._check)
        except Ended as problem:
            raise self._lost(peer, str(problem)) from problem
        if message.name == "failed":
            error = message.values
            raise Lost(error["code"], f"{peer.host}: {error['message']}", error["hint"])
        return message

    def _check(self) -> None:
        # fit checks between the steps, and a step that has begun is finished.
        if self._ring is None:
            self.session.check()

    def _broke(self) -> None:
        if self._ring:
            self._ring.break_up()

    def _lost(self, peer: Peer | None, why: str) -> Lost:
        name = f"{peer.host}: {why}" if peer else why
        last_lines = peer and peer.last_lines()
        text = f"another machine was lost, {name}" + (f" ({last_lines})" if last_lines else "")
        return Lost("machine_lost", f"{text}; the training up to that point is kept", self._again())

    def _again(self) -> str:
        run = self.run
        together = ",".join(run.record["hosts"])
        alone = KINDS[run.kind].command(f"--resume {run.id}")
        return f"{alone} continues on this machine alone; add --hosts {together} to use all of them again"


def over_ssh(host: str, command: list[str]) -> list[str]:
    """`command` on another machine, which has the skill at the same path, relative to the home directory if it is inside it."""
    home = Path.home()
    arguments = []
    for argument in command:
        path = Path(argument)
        if path.name == "uv":
            arguments.append("uv")
        elif path.is_absolute() and path.is_relative_to(home) and path.suffix == ".py":
            arguments.append(str(path.relative_to(home)))
        else:
            arguments.append(argument)
    environment = command_line(*(f"{n}={v}" for n, v in processes.WORKER_ENVIRONMENT.items()))
    return [*SSH, host, f"PATH={PATH} {environment} exec {command_line(*arguments)}"]


def shares(sizes: Sequence[int], machines: int) -> list[list[tuple[int, slice]]]:
    """For each machine its parts of micro-batches: (number of the micro-batch, slice of its rows).

    sizes: rows in each micro-batch. A step's rows are split into contiguous shares of nearly equal size, the larger first,
    so that micro-batches stay whole where their number is divisible.
    """
    total, found, start = sum(sizes), [], 0
    for rank in range(machines):
        end = start + total // machines + (rank < total % machines)
        parts, first = [], 0
        for micro, size in enumerate(sizes):
            low, high = max(start - first, 0), min(end - first, size)
            if low < high:
                parts.append((micro, slice(low, high)))
            first += size
        found.append(parts)
        start = end
    return found
