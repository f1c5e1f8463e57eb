"""MLX's ring all-reduce: every process is connected to the next one (mx.distributed, backend "ring").

In MLX 0.32.4, when a process dies, those waiting for it get "connection to a peer was lost" (tested). MLX has no timeout
for connecting or for a sum, so both have one here.
"""

import faulthandler
import json
import os
import socket
import stat
import tempfile
import threading
from typing import Any

import mlx.core as mx
from mlx.utils import tree_flatten, tree_unflatten

from fae_training.calls.error_words import reason
from fae_training.calls.errors import Failed

# All processes connect at the same time, so this is generous. MLX holds the GIL while connecting, so only ending the
# process can stop it.
CONNECT_S = 60
# Timeout of the check that the next process can be reached.
NEIGHBOUR_S = 10.0
# Timeout of a sum, plus a second per megabyte, which even a slow wireless network achieves.
SUM_S, BYTES_A_SECOND = 60.0, 1e6


class Ring:
    """The constructor returns once all processes are connected. addresses: "host:port" by rank."""

    def __init__(self, rank: int, addresses: list[str]):
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "hosts.json")
            with open(path, "w") as file:
                json.dump([[address] for address in addresses], file)
            os.environ |= {"MLX_HOSTFILE": path, "MLX_RANK": str(rank)}
            before = _sockets()
            faulthandler.dump_traceback_later(CONNECT_S, exit=True)
            try:
                self._group = mx.distributed.init(strict=True, backend="ring")
            except RuntimeError as problem:
                raise Failed(
                    "no_ring", f"MLX could not connect the machines: {problem}", "try again"
                ) from problem
            finally:
                faulthandler.cancel_dump_traceback_later()
        self._connections = _sockets() - before

    def total(self, gradient: Any) -> Any:
        """The sum over all processes, in float32. Raises RuntimeError on a lost connection or a timeout."""
        names, arrays = zip(*tree_flatten(gradient), strict=True)
        flat = mx.concatenate([array.reshape(-1).astype(mx.float32) for array in arrays])
        mx.eval(flat)
        limit = threading.Timer(SUM_S + flat.nbytes / BYTES_A_SECOND, self.break_up)
        limit.daemon = True
        limit.start()
        try:
            summed = mx.distributed.all_sum(flat, group=self._group, stream=mx.cpu)
            mx.eval(summed)
        finally:
            limit.cancel()
        found, start = [], 0
        for name, array in zip(names, arrays, strict=True):
            part = summed[start : start + array.size]
            found.append((name, part.reshape(array.shape).astype(array.dtype)))
            start += array.size
        return tree_unflatten(found)

    def break_up(self) -> None:
        """Close every connection, so that every process waiting for a sum, this one included, gets an error."""
        for number in self._connections:
            try:
                with socket.socket(fileno=os.dup(number)) as connection:
                    connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # already closed


def _sockets() -> set[int]:
    """The file descriptors of this process's sockets."""
    found = set()
    for name in os.listdir("/dev/fd"):
        try:
            if stat.S_ISSOCK(os.fstat(int(name)).st_mode):
                found.add(int(name))
        except OSError:
            pass  # the descriptor of the listing itself
    return found


def require_neighbour(rank: int, addresses: list[str]) -> None:
    """Raises Failed if this process cannot reach the next one in the ring."""
    host, _, number = addresses[(rank + 1) % len(addresses)].rpartition(":")
    try:
        socket.create_connection((host, int(number)), NEIGHBOUR_S).close()
    except OSError as problem:
        raise Failed(
            "not_reachable",
            f"{addresses[rank].rpartition(':')[0]} cannot reach {host} at port {number}: {reason(problem)}",
            "allow incoming connections for Python in the firewall of that machine, and try again",
        ) from problem
