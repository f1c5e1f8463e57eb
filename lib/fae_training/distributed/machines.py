"""The machines of a distributed training: their names, the person's consent, and their versions.

`--hosts a,b,c` names them; the first is this one. Standard library only.
"""

import hashlib
import os
import re
import socket
from argparse import ArgumentTypeError
from collections.abc import Sequence
from pathlib import Path

from fae_training.calls.calling import Call, Parser
from fae_training.calls.error_words import reason
from fae_training.calls.errors import BadRequest
from fae_training.lifecycle.kinds import Kind
from fae_training.store import consent
from fae_training.store.state import Home

# A host name or address, optionally with an ssh user; it must never look like an option of ssh.
_HOST = r"(?:[A-Za-z0-9_][A-Za-z0-9_.-]*@)?[A-Za-z0-9][A-Za-z0-9.-]*"
# Versions that must be equal on all machines, so that the result is the same as on one.
PACKAGES = ("mlx", "mlx-lm", "mlx-tune")


def host(text: str) -> str:
    """One host name, without an ssh user, for argparse. Raises ArgumentTypeError."""
    if not re.fullmatch(_HOST, text):
        raise ArgumentTypeError(f"{text!r} is not a machine's name or IPv4 address")
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
    """Add --hosts, for the kinds that support training on several machines."""
    parser.add_argument(
        "--hosts",
        type=hosts,
        metavar="A,B",
        help="train on several of your machines: this one's address, then the others' (docs/machines.md)",
    )


def asked(call: Call) -> tuple[str, ...]:
    """The machines named in a call; empty for this machine alone."""
    return getattr(call.arguments, "hosts", None) or ()


def address(host: str) -> str:
    """The host without an ssh user, in lower case."""
    return host.rpartition("@")[2].rstrip(".").lower()


def others(hosts: Sequence[str]) -> list[str]:
    """The `hosts` other than this machine, which is the first and may be named several times."""
    return sorted({address(host) for host in hosts} - {address(hosts[0])}) if hosts else []


def require(home: Home, kind: Kind, hosts: Sequence[str]) -> None:
    """Raises BadRequest if the first is not this machine, Refused if the person has not allowed one of the others."""
    if os.environ.get("MLX_RANK") is not None:
        raise BadRequest(
            "by_mlx_launch",
            f"{kind.script} was started by mlx.launch, but it starts its processes itself",
            kind.command("--hosts 127.0.0.1,127.0.0.1"),
        )
    if not hosts:
        return
    try:
        port(hosts[0])
    except OSError as problem:
        raise BadRequest(
            "not_this_machine",
            f"the first of --hosts is {hosts[0]}, which is not an address of this machine ({reason(problem)})",
            kind.command("--hosts ADDRESS_OF_THIS_MACHINE," + ",".join(hosts[1:])),
        ) from problem
    consent.require_machines(home, others(hosts))


def port(host: str) -> int:
    """A currently free port on this machine. Raises OSError if `host` is not its address."""
    with socket.socket() as made:
        made.bind((address(host), 0))
        return made.getsockname()[1]


def versions() -> dict[str, str]:
    """The versions of the training libraries, and `skill`: a hash of our own code."""
    import importlib.metadata  # slow to load, used only by workers

    found = {name: importlib.metadata.version(name) for name in PACKAGES}
    root, digest = Path(__file__).parents[1], hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        digest.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes())
    return found | {"skill": digest.hexdigest()[:12]}


def differences(local: dict[str, str], remote: dict[str, str]) -> str:
    """The differing versions in words; empty if there are none."""
    return ", ".join(
        f"{name} {remote.get(name, 'missing')} there and {version} here"
        for name, version in local.items()
        if remote.get(name) != version
    )
