"""The process on another machine, which computes its share of each training step. ranks.py describes the protocol.

Rows, parameters and optimizer state arrive on standard input and stay in memory. The only thing written to disk is the
fastest implementation of each layer on this machine (fast_path.enable).
"""

import os
import socket
import sys
import traceback
from collections import defaultdict
from pathlib import Path

from fae_training.calls.calling import Result
from fae_training.calls.errors import Failed, Missing, SkillError
from fae_training.distributed import machines
from fae_training.distributed.channel import Channel, Message
from fae_training.environment import mlx_on_linux, models
from fae_training.lifecycle.processes import lift_limits
from fae_training.store.state import Home

# After a failure is reported, the main process ends this one within this time.
GOODBYE_S = 10.0


def work(kind: str, home: Home) -> Result:
    """Serve the run's main process until it sends the end, or has ended itself."""
    # Redirect other output to standard error, which is the run's log.
    writing = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    channel = Channel(sys.stdin.buffer, writing, lambda why: os._exit(0))
    lift_limits()
    try:
        _work(kind, home, channel)
    except Exception as problem:
        traceback.print_exc()
        error = problem if isinstance(problem, SkillError) else _of_library(problem)
        channel.send("failed", code=error.code, message=error.message, hint=error.hint)
        channel.wait_for_end(GOODBYE_S)
    return Result({"status": "done"}, "done")


def _work(kind: str, home: Home, channel: Channel) -> None:
    channel.send("hello", versions=machines.versions())
    message = channel.receive("load", "end")
    if message.name == "end":
        return
    model, loss = _load(kind, home, message.values)
    listening = socket.create_server(("", 0))
    channel.send("loaded", port=listening.getsockname()[1])
    message = channel.receive("begin", "end")
    if message.name == "end":
        return
    import mlx.core as mx
    import mlx.optimizers as optim

    from fae_training.distributed.ring import Ring, require_neighbour
    from fae_training.fitting.arrays import from_bytes
    from fae_training.fitting.fit_step import FitStep

    begin = message.values
    optimizer = optim.AdamW(learning_rate=0.0, weight_decay=begin["weight_decay"])
    optimizer.init(model.trainable_parameters())
    _put(model, optimizer, from_bytes(message.arrays))
    model.train()
    step = FitStep(model, optimizer, loss, begin["max_gradient_norm"], begin["compiled"])
    require_neighbour(begin["rank"], begin["addresses"])
    channel.send("reached")
    channel.receive("stop listening")
    listening.close()
    channel.send("stopped")
    channel.receive("connect")
    ring = Ring(begin["rank"], begin["addresses"])
    while (message := channel.receive("step", "end")).name == "step":
        sums = step.add_up(_batches(message).items(), message.values["micro_batches"])
        gradient = step.no_gradient() if sums.gradient is None else sums.gradient
        mx.eval(gradient)
        channel.send("sums", losses=sums.losses, weights=sums.weights, extras=sums.extras)
        message = channel.receive("update", "end")
        if message.name == "end":
            return
        step.update(ring.total(gradient), **message.values)


def _load(kind: str, home: Home, request: dict):
    """(the model with its adapter, the kind's loss). Raises Missing or Failed if the model differs from the main machine's."""
    directory = models.locate(request["model"]["id"])
    if directory is None:
        raise Missing(
            "no_model",
            f"there is no model {request['model']['id']} on this machine",
            "download it there: uv run scripts/train.py --fetch --model " + request["model"]["id"],
        )
    if (found := models.fingerprint(directory)) != request["fingerprint"]:
        raise Failed(
            "other_model",
            f"{directory} has fingerprint {found}, expected {request['fingerprint']}",
            "copy the model from the machine that starts the training",
        )
    mlx_on_linux.set_up(Path(directory))
    from fae_training.language import adapters, fast_path, loading
    from fae_training.language.fast_settings import FastSettings

    settings, wanted = request["settings"], FastSettings(**request["fast"])
    # mlx-tune takes seconds to import and is not needed: the adapter's values are sent, so only its shape matters.
    model, _ = loading.load(str(directory))
    keys = adapters.adapter_keys(model, settings["experts"])
    adapters.add_lora(model, settings["rank"], settings["lora_scale"], 0.0, keys, settings["seed"])
    fast, notes = fast_path.enable(model, wanted, home.directory("cache"))
    if fast != wanted:
        raise Failed(
            "other_fast_path",
            f"an optimization that the other machines use does not work on this machine: {'; '.join(notes)}",
            "train with --fast off",
        )
    return model, _loss(kind, settings, fast)


def _put(model, optimizer, arrays: dict) -> None:
    """Load parameters and optimizer state. Raises Failed if their names or shapes differ from those here."""
    from fae_training.fitting.fit_progress import put_state, state_of

    own = state_of(model, optimizer)
    if wrong := [
        n
        for n in {*own, *arrays}
        if n not in own or n not in arrays or own[n].shape != arrays[n].shape
    ]:
        raise Failed(
            "other_adapter",
            f"the adapter on this machine differs: {min(wrong)}",
            "this is a bug in the skill; please report it",
        )
    put_state(model, optimizer, arrays)


def _loss(kind: str, settings: dict, fast):
    if kind == "dpo":
        from fae_training.language.objective import Objective
        from fae_training.language.preference_batches import loss_function

        return loss_function(Objective.of(settings), fast)
    from fae_training.language.supervised_loss import language_loss

    return lambda model, batch: language_loss(model, batch, fast)


def _batches(message: Message) -> dict[int, dict]:
    """The arrays of each micro-batch, by its number within the step."""
    from fae_training.fitting.arrays import from_bytes

    found: dict[int, dict] = defaultdict(dict)
    for name, array in from_bytes(message.arrays).items():
        micro, _, own = name.partition("/")
        found[int(micro)][own] = array
    return found


def _of_library(problem: Exception) -> Failed:
    return Failed("peer_failed", f"{type(problem).__name__}: {problem}", "see the run's train.log")
