"""Training on several machines: the same result as on one, and the errors if something is wrong with one of them.

The machines are processes here, connected over loopback; ssh is a stand-in that runs its command on this machine.
"""

import json
import os
import shutil
import sys
import time

import pytest

import calls
import on_ranks
import small_runs
from fae_training.calls.errors import Refused
from fae_training.distributed import channel, machines, ranks
from fae_training.lifecycle import runs, worker
from fae_training.store import consent, state
from on_ranks import Task

SSH = """#!{python}
import os, sys
print("ssh", *sys.argv[1:], file=open({log!r}, "a"))
{then}
"""
TOGETHER = ("--hosts", "127.0.0.1,127.0.0.1")


def curve(told: dict) -> list[tuple]:
    """Of each report: step, loss, norm of the gradient, and the loss of each micro-batch."""
    return [(r["step"], r["loss"], r["gradient_norm"], *r["micro_losses"]) for r in told["reports"]]


def assert_same(one: list[tuple], other: list[tuple]) -> None:
    assert len(one) == len(other) > 0
    for a, b in zip(one, other, strict=True):
        assert b == pytest.approx(a, rel=1e-3)


def of_one(tmp_path, **task) -> list[tuple]:
    found = curve(on_ranks.train(Task(str(tmp_path / "one"), **task)))
    assert found[0][1] != pytest.approx(found[-1][1], rel=0.01), "nothing was learned"
    return found


def test_a_killed_machine_ends_the_run_and_one_machine_resumes_to_the_same_losses(tmp_path):
    together = Task(str(tmp_path / "two"), ranks=2, steps=6, kill_after=3)
    found = on_ranks.in_a_process(together)
    error = found["error"]
    assert error["code"] == "machine_lost" and "127.0.0.1: its process ended" in error["message"]
    assert (
        f"uv run scripts/train.py --resume {found['run']} continues on this machine alone"
        in error["hint"]
    )
    assert [step for step, *_ in curve(found)] == [1, 2, 3] and found["kept"]
    rest = on_ranks.train(Task(together.home, ranks=1, steps=6))
    assert_same(of_one(tmp_path, steps=6), curve(found) + curve(rest))


def test_four_machines_learn_preferences_even_if_one_has_no_pair(tmp_path):
    given = {"kind": "dpo", "steps": 3, "batch_size": 3, "gradient_accumulation": 1}
    found = on_ranks.in_a_process(Task(str(tmp_path / "four"), ranks=4, **given))
    assert found["error"] is None
    assert_same(of_one(tmp_path, **given), curve(found))


def test_a_run_of_train_py_that_loses_a_machine_fails_with_a_checkpoint_and_is_resumed(tmp_path):
    home = small_runs.fill(tmp_path / "home")
    run = small_runs.start(home, "--rehearsal", "0", *TOGETHER)
    assert small_runs.record(home, run)["hosts"] == ["127.0.0.1", "127.0.0.1"]
    small_runs.wait_for_step(home, run, 2)
    for pid in children_of(small_runs.record(home, run)["worker"]["pid"]):
        os.kill(pid, 9)
    answer = calls.wait_until_ended(run, home)
    record = small_runs.record(home, run)
    assert answer["status"] == "failed" and record["error"]["code"] == "machine_lost"
    kept = home / "runs" / run
    assert (kept / "checkpoints" / "latest.safetensors").exists()
    assert not list(kept.glob("adapters/*")), "what was not finished is offered as a result"
    calls.answer("train", "--resume", run, "--detach", home=home)
    assert small_runs.record(home, run)["hosts"] == []
    calls.answer("cancel", home=home)


def children_of(pid: int) -> list[int]:
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(word) for word in file.read().split()]


@pytest.fixture
def ssh(tmp_path, monkeypatch):
    """ssh(then) -> its log: a program of that name that writes down what it was called with and does `then`."""

    def make(then: str):
        place, log = tmp_path / "bin", tmp_path / "ssh.log"
        place.mkdir()
        program = place / "ssh"
        program.write_text(SSH.format(python=sys.executable, log=str(log), then=then))
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{place}{os.pathsep}{os.environ['PATH']}")
        return log

    return make


# What sshd does with the last word: a shell of the other machine reads it, in the home directory.
RUN_IT = 'os.chdir(os.path.expanduser("~")); os.execv("/bin/sh", ["sh", "-c", sys.argv[-1]])'


def allowed(tmp_path, *hosts: str):
    home = small_runs.fill(tmp_path / "home")
    consent.change_machines(state.Home(home), hosts, [])
    return home


def failure(home, *arguments) -> dict:
    """How a training in front ends that must not begin."""
    given = ("--model", calls.LANGUAGE_MODEL, "--preset", "smoke", *arguments)
    answer = calls.answer("train", *given, "--detach", home=home)
    ended = calls.wait_until_ended(answer["run"], home)
    assert ended["status"] == "failed", ended
    return small_runs.record(home, answer["run"])["error"]


def test_a_machine_that_does_not_answer_is_named_with_the_error_of_ssh(tmp_path, ssh):
    message = "ssh: connect to host 127.0.0.2 port 22: Connection timed out"
    log = ssh(f"print({message!r}, file=sys.stderr); sys.exit(255)")
    error = failure(allowed(tmp_path, "127.0.0.2"), "--hosts", "127.0.0.1,sam@127.0.0.2")
    assert (
        error["message"].startswith("sam@127.0.0.2 does not answer") and message in error["message"]
    )
    assert error["code"] == "no_answer" and "ssh sam@127.0.0.2 true" in error["hint"]
    called = log.read_text()
    assert "BatchMode=yes" in called and " sam@127.0.0.2 PATH=" in called


def test_another_version_of_mlx_is_refused_and_both_are_named(tmp_path, ssh):
    other = tmp_path / "other" / "mlx-9.9.9.dist-info"
    other.mkdir(parents=True)
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: mlx\nVersion: 9.9.9\n")
    path = f"{other.parent}{os.pathsep}{os.environ['PYTHONPATH']}"
    ssh(f"os.environ['PYTHONPATH'] = {path!r}; {RUN_IT}")
    error = failure(allowed(tmp_path, "127.0.0.2"), "--hosts", "127.0.0.1,127.0.0.2")
    here = machines.versions()["mlx"]
    assert error["code"] == "unequal_versions"
    assert f"127.0.0.2 has mlx 9.9.9 there and {here} here" in error["message"]


def test_the_version_of_our_own_code_is_in_its_files(tmp_path):
    library = shutil.copytree(calls.ROOT / "lib", tmp_path / "lib")

    def there() -> dict:
        program = "import json; from fae_training.distributed import machines; print(json.dumps(machines.versions()))"
        given = {**os.environ, "PYTHONPATH": str(library)}
        return json.loads(calls.process([sys.executable, "-c", program], given).out)

    here = machines.versions()
    assert machines.differences(here, there()) == ""
    (library / "fae_training" / "judgement" / "parts.py").open("a").write("# another version\n")
    changed = there()
    expected = f"skill {changed['skill']} there and {here['skill']} here"
    assert machines.differences(here, changed) == expected


def test_nothing_is_sent_to_a_machine_without_consent(tmp_path, ssh):
    home, log = allowed(tmp_path, "127.0.0.3"), ssh("")
    given = ("--model", calls.LANGUAGE_MODEL, "--hosts", "127.0.0.1,127.0.0.3,127.0.0.2", "--json")
    refused = calls.script("train", *given, home=home)
    error = refused.json["error"]
    assert refused.status == 3 and error["code"] == "no_consent" and not log.exists()
    assert error["hint"].endswith("uv run scripts/setup.py --consent-machines 127.0.0.2")
    answer = calls.answer("setup", "--consent-machines", "sam@127.0.0.2", home=home)
    assert answer["machines"] == ["127.0.0.3", "127.0.0.2"]
    consent.require_machines(state.Home(home), ["127.0.0.2", "127.0.0.3"])
    unknown = calls.script("setup", "--revoke-machines", "127.0.0.4", "--json", home=home).json
    assert "127.0.0.4 was never allowed; those that were: 127.0.0.3, 127.0.0.2" in str(unknown)
    both = ("--revoke-machines", "127.0.0.3", "--revoke", "audio")
    answer = calls.answer("setup", *both, home=home)
    assert answer["machines"] == ["127.0.0.2"] and answer["consents"]["audio"] is False
    assert calls.script("train", *given, home=home).json["error"]["code"] == "no_consent"
    assert consent.granted(state.Home(home), "conversations"), "the other consents are gone"


def test_consent_for_a_machine_is_withdrawn_in_every_spelling(tmp_path):
    place = state.Home(tmp_path)
    calls.answer("setup", "--consent-machines", "mini.local", "sam@MINI.local", home=tmp_path)
    assert consent.machines(place) == ["mini.local"]
    consent.require_machines(place, machines.others(("127.0.0.1", "sam@Mini.Local.")))
    calls.answer("setup", "--revoke-machines", "MINI.LOCAL", home=tmp_path)
    with pytest.raises(Refused, match=r"no consent for mini\.local"):
        consent.require_machines(place, machines.others(("127.0.0.1", "Mini.local")))


def test_a_worker_sends_nothing_to_a_machine_whose_consent_was_withdrawn_meanwhile(tmp_path):
    home = allowed(tmp_path, "127.0.0.3")
    run = runs.create(state.Home(home), "sft", {"hosts": ["127.0.0.1", "127.0.0.3"]})
    consent.change_machines(state.Home(home), [], ["127.0.0.3"])
    with pytest.raises(Refused, match="no consent for 127"), worker._joined(run, None):
        pass


@pytest.mark.parametrize(
    ("hosts", "said"),
    [
        ("127.0.0.1", "is one machine, expected at least two"),
        ("127.0.0.1,", "is not a machine's name or IPv4 address"),
        ("127.0.0.1,-oProxyCommand=x", "is not a machine's name or IPv4 address"),
        ("192.0.2.1,127.0.0.1", "not an address of this machine"),
    ],
)
def test_invalid_hosts_are_refused_at_once(tmp_path, hosts, said):
    got = calls.script(
        "train", json.dumps({"hosts": hosts}), home=small_runs.fill(tmp_path / "home")
    )
    assert got.status == 2 and said in got.json["error"]["message"]


def test_under_mlx_launch_the_error_names_the_hosts_option(tmp_path):
    home = small_runs.fill(tmp_path / "home")
    got = calls.script("train", "--json", home=home, MLX_RANK="1")
    assert got.status == 2 and got.json["error"]["hint"].endswith("--hosts 127.0.0.1,127.0.0.1")


def test_a_machine_that_stops_responding_counts_as_lost(monkeypatch):
    monkeypatch.setattr(channel, "BEAT_S", 0.05)
    monkeypatch.setattr(channel, "SILENCE_S", 0.5)
    ours, theirs = os.pipe(), os.pipe()
    ended = []
    with os.fdopen(ours[0], "rb") as reading, os.fdopen(theirs[1], "wb") as writing:
        silent = channel.Channel(reading, writing, ended.append)
        began = time.monotonic()
        with pytest.raises(channel.Ended, match="nothing was received from it for"):
            silent.receive("anything")
        assert ended == [silent.ended] and time.monotonic() - began > 0.4
        os.close(ours[1])
        os.close(theirs[0])


def test_a_step_is_shared_in_whole_micro_batches_where_they_can_be_divided():
    def shares(sizes, count):
        return [
            [(micro, part.start, part.stop) for micro, part in parts]
            for parts in ranks.shares(sizes, count)
        ]

    assert shares([4, 4], 2) == [[(0, 0, 4)], [(1, 0, 4)]]
    assert shares([4, 4], 1) == [[(0, 0, 4), (1, 0, 4)]]
    assert shares([3, 2], 2) == [[(0, 0, 3)], [(1, 0, 2)]]
    assert shares([2, 2], 3) == [[(0, 0, 2)], [(1, 0, 1)], [(1, 1, 2)]]
    assert shares([1], 3) == [[(0, 0, 1)], [], []]
