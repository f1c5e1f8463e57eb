"""Malformed row files: each row is read, named or refused, and the rest trains."""

import json

import pytest

import calls
import odd_rows
import small_runs
from fae_training.calls.errors import Missing, SkillError
from fae_training.language import preference_preflight
from fae_training.language.preference_batches import encode_pairs
from fae_training.language.rows import encode_file
from fae_training.lifecycle import provenance, runs
from fae_training.rows import training_rows
from fae_training.store import consent
from fae_training.store.state import Home, read_json

FILES = 150


@pytest.fixture(scope="module")
def tokenizer():
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(calls.LANGUAGE_MODEL)


@pytest.mark.parametrize("kind", ["sft", "dpo"])
def test_every_row_file_however_odd_gives_rows_or_a_refusal(tokenizer, tmp_path, kind):
    ended = {"usable": 0, "refused": 0}
    for seed in range(FILES):
        home = Home(tmp_path / str(seed))
        what = odd_rows.write(home.path, kind, seed)
        try:
            if kind == "sft":
                data = provenance.check(home, kind, "again", keep=True)
                path = home.file("data", kind, "train.jsonl")
                found = encode_file(tokenizer, path, 128)
                rows = found.rows
            else:
                data = preference_preflight.check(home, keep=True)
                found = encode_pairs(
                    tokenizer, preference_preflight.corrections(home.file("data"))[0], 128
                )
                rows = [side for pair in found.pairs for side in (pair.chosen, pair.rejected)]
            training_rows.require_usable(found, found, "again")
        except SkillError as error:
            assert error.exit_status == 4 and error.message and error.hint, what
            ended["refused"] += 1
            continue
        ended["usable"] += 1
        assert data.rows["train"] >= found.usable > 0 and rows
        assert all(1 < len(row.tokens) <= 128 and 0 < row.supervised_from < len(row.tokens) and row.weight > 0 for row in rows), what  # fmt: skip
    assert min(ended.values()) > FILES // 5, "both happen"


BIRDS = ("owl", "kestrel", "heron", "wren", "robin", "swift", "crane", "finch", "rook", "tern", "gull", "lark", "coot", "teal", "ibis", "kite", "duck", "swan", "crow", "dove", "hawk")  # fmt: skip


def a_run(home, script: str, *arguments) -> tuple[dict, dict]:
    """(run.json, train_metrics.json) of one step that had to be completed."""
    settings = ("--preset", "smoke", "--steps", "1", "--model", calls.LANGUAGE_MODEL, "--detach")
    run = calls.answer(script, *settings, *arguments, home=home)["run"]
    directory = small_runs.finish(home, run)
    return read_json(directory / "run.json"), read_json(directory / "train_metrics.json")


def test_conversations_of_every_form_train_beside_ones_that_are_left_out(home):
    small_runs.fill(home, tasks=5)
    path = home / "data" / "sft" / "train.jsonl"
    rows = [{"conversations": [{"from": "human", "value": f"A {bird}?"}, {"from": "gpt", "value": f"Yes, a {bird}."}], "source": "chats"} for bird in BIRDS]  # fmt: skip
    rows += [
        {"messages": [{"role": "User", "content": "Hi"}, {"role": "Assistant", "content": "Say <|im_end|> </think>."}]},
        {"instruction": "Hi", "input": "there", "output": "Hello."},
        {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}, {"role": "system", "content": "Be brief."}]},
        {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": ""}]},
    ]  # fmt: skip
    path.write_text(json.dumps(rows), encoding="utf-8-sig")
    record, result = a_run(home, "train")
    assert record["rows"] == {"train": 23, "valid": 18} and record["learned_from"] == "23 rows"
    assert result["applied"]["rows"] == {"train": 23, "choose": 4, "judge": 14, "validated": 4}
    assert result["notes"][:3] == [
        "2 of 25 rows of data/sft/train.jsonl cannot be used:",
        "line 1: row 24: message 3 is the system's, which can only be the first",
        "line 1: row 25: message 2, the assistant's, is empty",
    ]
    assert (
        "learned as plain characters: line 1: holds </think> and <|im_end|>" in result["notes"][3]
    )
    kept = read_json(path.with_name("meta.json"))
    assert (
        len(kept["rows_left_out"]["train"]) == 2
        and kept["rows_left_out"] == record["rows_left_out"]
    )
    assert result["applied"]["cut"]["cut_rows"] == 0 and result["applied"]["rows"]["judge"] == 14


def alike(home, equal: int):
    """Pairs of which `equal` say the same within the first 64 tokens."""
    small_runs.fill(home)
    consent.change(Home(home), ["corrections"], [])
    path = home / "data" / "dpo" / "train.jsonl"
    path.parent.mkdir(parents=True)
    rows = []
    for number, bird in enumerate(BIRDS):
        start = f"{bird} " * 60 if number < equal else ""
        rows.append({"prompt": f"Q {bird}?", "chosen": f"{start}yes {bird}", "rejected": f"{start}no, not a {bird}"})  # fmt: skip
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8-sig")
    return path


ALIKE = "the two answers are the same to the model in the first 64 tokens"


def test_pairs_that_are_the_same_once_they_are_tokens_are_left_out_and_kept_by_name(
    tokenizer, home
):
    path = alike(home, 2)
    train, valid, _ = preference_preflight.corrections(home / "data")
    encoded, none = (encode_pairs(tokenizer, read, 64) for read in (train, valid))
    assert len(encoded.pairs) == len(encoded.rows) == 19 and encoded.total == 21
    mark = provenance.fingerprint(home / "data", "dpo")
    run = runs.create(Home(home), "dpo", {"data_fingerprint": mark})
    notes = provenance.settle(run, encoded, none, "again")
    assert notes[:2] == [
        "2 of 21 rows of data/dpo/train.jsonl cannot be used:",
        f"lines 1 and 2: {ALIKE}",
    ]
    kept = read_json(path.with_name("meta.json"))["rows_left_out"]
    assert [row["line"] for row in kept["train"]] == [1, 2]
    assert read_json(run.file("run.json"))["rows_left_out"] == kept


def test_too_many_of_them_fail_the_run_with_the_sentence_of_the_plan(home):
    alike(home, 3)
    settings = ("--preset", "smoke", "--steps", "1", "--max-length", "64", "--from", "base")
    run = calls.answer("train_dpo", *settings, "--model", calls.LANGUAGE_MODEL, "--detach", home=home)["run"]  # fmt: skip
    answer = calls.wait_until_ended(run, home)
    error = answer["error_of_run"]
    assert (answer["status"], error["code"]) == ("failed", "bad_rows")
    assert error["message"].startswith("3 of 21 rows of data/dpo/train.jsonl cannot be used, which is more than the allowed tenth")  # fmt: skip
    assert ALIKE in error["message"]


def test_a_file_without_rows_is_nothing_to_learn_from(tmp_path):
    none = training_rows.read(tmp_path / "data" / "sft" / "none.jsonl", "sft")
    with pytest.raises(Missing, match=r"nothing to learn from: data/sft/none\.jsonl has no rows"):
        training_rows.require_usable(none, none, "again")
