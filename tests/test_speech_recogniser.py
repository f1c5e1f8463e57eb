"""The recogniser's prompt and targets, and that both are those of Fae's runtime. On the sample model."""

from pathlib import Path

import mlx.core as mx
import numpy
import pytest

from fae_training.fitting.fit import fit
from fae_training.fitting.fit_settings import FitSettings
from fae_training.language import adapters
from fae_training.lifecycle import runs
from fae_training.lifecycle.session import Session
from fae_training.speech import batches, recogniser
from fae_training.store.state import Home

MODEL = Path(__file__).parents[1] / "samples" / "speech-model"
KEYS = ["self_attn.q_proj", "self_attn.v_proj", "mlp.down_proj"]


@pytest.fixture(scope="module")
def model():
    return recogniser.load(MODEL)


def chirp(seconds: float, start: float, end: float):
    """A tone that rises or falls: different ones are really different to the encoder."""
    times = numpy.arange(int(seconds * 16000)) / 16000
    sweep = start * times + (end - start) / (2 * seconds) * times**2
    return (0.3 * numpy.sin(2 * numpy.pi * sweep)).astype(numpy.float32)


@pytest.fixture(scope="module")
def rows(model):
    given = [
        (1.2, 200, 900, "Call Marion."),
        (1.9, 1500, 300, "Where is Siobhan?"),
        (0.4, 300, 300, "Good night."),
    ]
    return [
        recogniser.row(model, recogniser.encode(model, chirp(*sound)), text)
        for *sound, text in given
    ]


def test_the_prompt_is_the_one_of_faes_runtime(model):
    expected = (
        "<|im_start|>system\n<|im_end|>\n<|im_start|>user\n<|audio_start|>" + "<|audio_pad|>" * 7
        + "<|audio_end|><|im_end|>\n<|im_start|>assistant\nlanguage English<asr_text>"
    )  # fmt: skip
    assert model._tokenizer.decode(recogniser.prompt_tokens(model, 7)) == expected


def test_what_is_taught_is_the_transcript_and_its_end_token_and_nothing_else(model, rows):
    batch = recogniser.collate(rows)
    for index, text in enumerate(["Call Marion.", "Where is Siobhan?", "Good night."]):
        taught = numpy.array(batch["targets"][index])[numpy.array(batch["weights"][index]) > 0]
        assert model._tokenizer.decode(taught) == text + "<|im_end|>"
        first = int(batch["predict"][index, 0])
        assert int(batch["ids"][index, first]) == model._tokenizer.convert_tokens_to_ids(
            "<asr_text>"
        )
        for place, target in zip(batch["predict"][index].tolist(), taught.tolist(), strict=False):
            assert batch["ids"][index, place + 1].item() == target


def test_the_forward_pass_is_the_librarys(model, rows):
    sound = recogniser.padded(chirp(1.2, 200, 900))
    features, mask, _ = model._preprocess_audio(sound)
    theirs = model(mx.array([rows[0].tokens]), input_features=features, feature_attention_mask=mask)
    batch = recogniser.collate(rows[:1])
    ours = model.model.embed_tokens.as_linear(recogniser.hidden_states(model, batch))
    difference = mx.abs(ours[:, : theirs.shape[1]] - theirs).max().item()
    assert difference < 1e-3 * mx.abs(theirs).max().item()


def test_a_transcript_is_word_for_word_what_generate_gives(model):
    for hotwords in (None, ["Marion", "Siobhan"]):
        for sound in (chirp(1.2, 200, 900), chirp(0.4, 1500, 300), chirp(2.4, 400, 2000)):
            theirs = model.generate(
                recogniser.padded(sound),
                language="English",
                max_tokens=recogniser.LONGEST_TRANSCRIPT,
                hotwords=hotwords,
            )
            ours = recogniser.transcribe(model, recogniser.encode(model, sound), hotwords)
            assert ours == " ".join(theirs.text.split())


def test_every_row_of_a_batch_uses_its_own_sound(model, rows):
    together = recogniser.loss(model, recogniser.collate(rows))
    apart = [recogniser.loss(model, recogniser.collate([row])) for row in rows]
    assert together[0].item() == pytest.approx(sum(loss.item() for loss, _, _ in apart), rel=1e-4)
    assert together[1].item() == sum(weight.item() for _, weight, _ in apart)
    one, other, third = rows
    swapped = [
        recogniser.row(model, other.features, "Call Marion."),
        recogniser.row(model, one.features, "Where is Siobhan?"),
        third,
    ]
    changed = recogniser.loss(model, recogniser.collate(swapped))[0].item()
    assert abs(changed - together[0].item()) > 0.1


def test_a_recording_weighs_as_much_as_two_synthesised_clips(model, rows):
    heavy = recogniser.SpeechRow(
        rows[0].tokens, rows[0].supervised_from, rows[0].features, batches.WEIGHT_OF_A_RECORDING
    )
    light, _, _ = recogniser.loss(model, recogniser.collate(rows[:1]))
    double, weight, _ = recogniser.loss(model, recogniser.collate([heavy]))
    assert double.item() == pytest.approx(2 * light.item(), rel=1e-5)
    assert weight.item() == 2 * (len(heavy.tokens) - heavy.supervised_from)


def test_silence_and_clips_of_any_length_are_transcribed_without_failing(model):
    for seconds in (0.05, 1.0, 31.0):
        features = recogniser.encode(model, numpy.zeros(int(seconds * 16000), numpy.float32))
        assert isinstance(recogniser.transcribe(model, features), str)
        assert mx.isfinite(features).all().item()


def trained(home: Home, rows: list, steps: list[int]) -> dict:
    """The adapter after as many runs as `steps` has entries, each stopped there and gone on with by the next."""
    run = runs.create(home, "stt", {"settings": {}})
    for last in steps:
        model = recogniser.load(MODEL)
        adapters.add_lora(model, 4, 2.0, 0.0, KEYS, seed=3)
        session = Session(run)
        done = []
        session.should_stop = lambda done=done, last=last: done.append(1) or len(done) > last
        settings = FitSettings(
            steps=steps[0] * len(steps), learning_rate=1e-3, warmup_steps=2, seed=3, save_every=1
        )
        stream = batches.SpeechBatches(rows, 2, seed=3)
        result = fit(model, settings, recogniser.loss, stream, None, run, session)
    assert result.steps_done == settings.steps
    return result.best_parameters


def test_a_run_that_was_stopped_and_resumed_gives_the_very_same_adapter(tmp_path, rows):
    whole = trained(Home(tmp_path / "whole"), rows, [6])
    halves = trained(Home(tmp_path / "halves"), rows, [3, 3])
    assert whole.keys() == halves.keys()
    assert all(mx.array_equal(whole[name], halves[name]).item() for name in whole)


def test_a_saved_adapter_gives_the_same_transcripts_after_loading(tmp_path, rows):
    parameters = trained(Home(tmp_path / "home"), rows, [4])
    adapters.save(tmp_path / "adapter", parameters, 4, 2.0, 0.0, KEYS, 2, "sample")
    loaded = recogniser.load(MODEL, tmp_path / "adapter")
    model = recogniser.load(MODEL)
    before = recogniser.loss(model, recogniser.collate(rows))[0].item()
    adapters.add_lora(model, 4, 2.0, 0.0, KEYS, seed=0)
    model.load_weights(list(parameters.items()), strict=False)
    kept, again = (recogniser.loss(m, recogniser.collate(rows))[0].item() for m in (model, loaded))
    assert kept == again and kept < before
