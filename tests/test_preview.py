"""A plan's tokens, time and memory are those of the run; rows are shown as the model sees them."""

import pytest

import calls
import prepared
import small_runs
from fae_training.lifecycle import runs
from fae_training.lifecycle.preflight import CONTEXT, CUT, TRAINED, Piece, ShownRow
from fae_training.pages import row_page
from fae_training.store import state

ANSWER = "\N{EARTH GLOBE EUROPE-AFRICA} It is <b>Tuesday</b> and warm."


@pytest.fixture(scope="module")
def tokenizer():
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(calls.LANGUAGE_MODEL)


def conversation(turns: int) -> list[dict]:
    messages = [{"role": "system", "content": "You are Fae."}]
    for turn in range(turns):
        messages.append({"role": "user", "content": f"Question {turn}: which day is it?"})
        messages.append({"role": "assistant", "content": ANSWER})
    return messages


def shown(tokenizer, turns: int, longest: int) -> ShownRow:
    from fae_training.language import preview
    from fae_training.language.chat_encoder import ChatEncoder
    from fae_training.rows.row_forms import Conversation

    row = Conversation(conversation(turns), file="data/sft/train.jsonl", line=3)
    return preview._shown(tokenizer, ChatEncoder(tokenizer), row, longest)


def text_of(row: ShownRow, *kinds: str) -> str:
    return "".join("".join(piece.tokens) for piece in row.pieces if piece.kind in kinds)


def test_the_pieces_of_a_row_are_the_whole_conversation_and_the_answer_is_trained(tokenizer):
    row = shown(tokenizer, 2, 10_000)
    assert [piece.kind for piece in row.pieces] == [CONTEXT, TRAINED] and row.cut == 0
    assert text_of(row, TRAINED) == f"{ANSWER}<|im_end|>"
    assert text_of(row, CONTEXT).count(ANSWER) == 1 and "Question 1" in text_of(row, CONTEXT)
    assert row.title == "line 3 of data/sft/train.jsonl"
    assert 0 < row.trained < row.tokens


@pytest.mark.parametrize("turns, longest", [(6, 200), (6, 120), (1, 26), (3, 90)])
def test_cut_text_is_shown_in_its_place(tokenizer, turns, longest):
    row, whole = shown(tokenizer, turns, longest), shown(tokenizer, turns, 10_000)
    assert row.tokens <= longest and row.cut == whole.tokens - row.tokens > 0
    assert text_of(row, CONTEXT, TRAINED, CUT) == text_of(whole, CONTEXT, TRAINED)
    counted = sum(len(piece.tokens) for piece in row.pieces if piece.kind == CUT)
    assert 0 < counted <= row.cut


def test_a_row_in_a_terminal_and_as_a_page_is_only_text(tokenizer):
    row = shown(tokenizer, 1, 10_000)
    plain, coloured = row_page.as_text([row], False), row_page.as_text([row], True)
    assert f"[trained: {ANSWER}<|im_end|>]" in plain and "\033" not in plain
    assert f"\033[32m{ANSWER}<|im_end|>\033[0m" in coloured
    page = row_page.as_html([row])
    assert "<b>Tuesday" not in page and "&lt;" in page and "<script" not in page
    assert page.count("<span>") == sum(len(piece.tokens) for piece in row.pieces)
    nasty = ShownRow("line 1", (Piece(CONTEXT, ("\033[2J", "hello")),), 2, 0, 0)
    assert "\033" not in row_page.as_text([nasty], False)


def test_a_plan_counts_what_a_run_then_learns_from_and_takes_its_speed_from_the_last_run(
    finished_home,
):
    model = ("--model", calls.LANGUAGE_MODEL)
    planned = calls.answer("train", *small_runs.SETTINGS, *model, "--dry-run", home=finished_home)
    (run,) = runs.all_runs(state.Home(finished_home))
    result = run.result()
    cut = result["applied"]["cut"]
    tokens = planned["tokens"]
    assert 0 < tokens["trained"] < tokens["tokens"] / 2
    assert tokens["exact"] and (tokens["rows"], tokens["cut"]) == (cut["rows"], cut["cut_tokens"])
    assert tokens["tokens"] + tokens["cut"] == cut["tokens"]
    assert planned["memory"]["limit_gb"] == result["applied"]["planned"]["limit_gb"]
    assert planned["memory"]["peak_memory_gb"] == pytest.approx(
        result["applied"]["planned"]["peak_memory_gb"], rel=0.5
    )
    steps = 10 * 1 * 2 * tokens["tokens"] / tokens["rows"] / result["tokens_per_s"]
    others = result["seconds"]["total"] - result["seconds"]["training"]
    assert planned["minutes"] == pytest.approx((steps + others) / 60)
    assert run.id in planned["minutes_by"]


def test_without_a_run_the_time_is_reported_as_unknown_and_too_little_memory_is_reported(
    small_home,
):
    given = ("--model", calls.LANGUAGE_MODEL, "--dry-run")
    planned = calls.answer("train", *given, home=small_home)
    assert planned["minutes"] is None and "smoke" in planned["minutes_by"]
    text = calls.script("train", *given, home=small_home, FAE_TRAINING_MEMORY_GB="0.01").out
    assert "memory: one step on rows of" in text and "train shorter rows" in text


def test_rows_are_shown_and_written_as_a_page_unless_it_is_a_dry_run(small_home):
    given = ("--model", calls.LANGUAGE_MODEL, "--show-rows", "3")
    answer = calls.answer("train", *given, "--dry-run", home=small_home)
    assert answer["page"] is None and not (small_home / "results").exists()
    got = calls.script("train", *given, home=small_home)
    assert got.out.count("[trained: ") == 3 and "tokens, " in got.out
    page = small_home / "results" / "rows-sft.html"
    assert page.read_text().count('<span class="trained">') == 3
    assert page.stat().st_mode & 0o777 == 0o600
    assert not (small_home / "runs").exists()


def test_pairs_are_previewed_too(home):
    place = prepared.allowed(home)
    calls.answer("setup", "--consent", "corrections", "--no-models", home=home)
    user = [{"role": "user", "content": "What is the weather?"}]
    rows = [
        {
            "prompt": user,
            "chosen": [{"role": "assistant", "content": f"Warm, {n} degrees."}],
            "rejected": [{"role": "assistant", "content": f"I think that it may well be {n}."}],
            "source": {"session": f"s{n}"},
        }
        for n in range(12)
    ]
    state.write_jsonl(place.file("data", "dpo", "train.jsonl"), rows[:8])
    state.write_jsonl(place.file("data", "dpo", "valid.jsonl"), rows[8:])
    got = calls.script("train_dpo", "--model", calls.LANGUAGE_MODEL, "--show-rows", "1", home=home)
    assert got.status == 0, got.err
    assert "[trained: Warm, 0 degrees.<|im_end|>]" in got.out and "in 16 rows" in got.out
