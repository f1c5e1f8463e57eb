"""The machines that one training runs on: which they are, whether the person allowed them, whether they are of one version.

`--hosts a,b,c` names them; the first is this one. Standard library only.
"""

import hashlib
import os
import re
import socket
from argparse import ArgumentTypeError
from collections.abc import Sequence
from pathlib import Path

from fae_training import consent
from fae_training.calling import Call, Parser
from fae_training.errors import BadRequest
from fae_training.kinds import Kind
from fae_training.state import Home

# What an address or a name in the network is made of, with the account for ssh before it; never an option of ssh's.
_HOST = r"(?:[A-Za-z0-9_][A-Za-z0-9_.-]*@)?[A-Za-z0-9][A-Za-z0-9.-]*"
# What must be the same on all machines, for the result to be that of one.
PACKAGES = ("mlx", "mlx-lm", "mlx-tune")


def host(text: str) -> str:
    """One name, without the account for ssh, for argparse. Raises ArgumentTypeError."""
    if not re.fullmatch(_HOST, text):
        raise ArgumentTypeError(f"{text!r} is no name or IPv4 address of a machine")
    return address(text)


def hosts(text: str) -> tuple[str, ...]:
    """The names in `a,b,c`, for argparse. Raises ArgumentTypeError."""
    names = tuple(name.strip() for name in text.split(","))
    for name in names:
        host(name)
    if len(names) < 2:
        raise ArgumentTypeError(f"{text!r} is one machine, expected at least two: this one,other")
    return names


def add_option(parser: Parser) -> None:
    """--hosts, of the kinds that several machines can train."""
    parser.add_argument(
        "--hosts",
        type=hosts,
        metavar="A,B",
        help="train on several machines of your own: this one's address, then the others (docs/machines.md)",
    )


def asked(call: Call) -> tuple[str, ...]:
    """The machines of a call; none for this one alone, also for kinds that can do no other."""
    return getattr(call.arguments, "hosts", None) or ()


def address(host: str) -> str:
    """Without the account for ssh, and in the spelling that all spellings of a name have."""
    return host.rpartition("@")[2].rstrip(".").lower()


def others(hosts: Sequence[str]) -> list[str]:
    """Those of `hosts` that are not this machine, which is the first and may be named several times."""
    return sorted({address(host) for host in hosts} - {address(hosts[0])}) if hosts else []


def require(home: Home, kind: Kind, hosts: Sequence[str]) -> None:
    """Raises BadRequest where the first is not this machine, Refused where the person has not allowed one of the others."""
    if os.environ.get("MLX_RANK") is not None:
        raise BadRequest(
            "by_mlx_launch",
            f"{kind.script} starts its processes itself, and was started by mlx.launch",
            kind.command("--hosts 127.0.0.1,127.0.0.1"),
        )
    if not hosts:
        return
    try:
        port(hosts[0])
    except OSError as problem:
        raise BadRequest(
            "not_this_machine",
            f"the first of --hosts is {hosts[0]}, which is no address of this machine ({problem.strerror})",
            kind.command("--hosts ADDRESS_OF_THIS_MACHINE," + ",".join(hosts[1:])),
        ) from problem
    consent.require_machines(home, others(hosts))


def port(host: str) -> int:
    """A port that is free on this machine at the moment. Raises OSError where it has no such address."""
    with socket.socket() as made:
        made.bind((address(host), 0))
        return made.getsockname()[1]


def versions() -> dict[str, str]:
    """Of the libraries that train, and `skill`: a hash of our own code."""
    import importlib.metadata  # slow to load, for workers alone

    found = {name: importlib.metadata.version(name) for name in PACKAGES}
    root, digest = Path(__file__).parent, hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        digest.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes())
    return found | {"skill": digest.hexdigest()[:12]}


def differences(here: dict[str, str], there: dict[str, str]) -> str:
    """In words; empty where there are none."""
    return ", ".join(
        f"{name} {there.get(name, 'missing')} there and {version} here"
        for name, version in here.items()
        if there.get(name) != version
    )
