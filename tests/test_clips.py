"""What a recording is read as: how much of it may be clipped."""

import numpy as np
import pytest
import soundfile

from fae_training.speech import clips


def recording(path, rate: int, clipped: float):
    """A second of a quiet tone, of which the share `clipped` is at full scale, both ways."""
    tone = 0.3 * np.sin(2 * np.pi * 200 * np.arange(rate) / rate)
    places = np.linspace(0, rate - 1, round(clipped * rate)).astype(int)
    tone[places] = np.where(np.arange(len(places)) % 2, 1.0, -1.0)
    soundfile.write(path, tone, rate, subtype="PCM_16")
    return path


@pytest.mark.parametrize("rate", [16_000, 44_100])
@pytest.mark.parametrize(("share", "problems"), [(0.0, []), (0.009, []), (0.011, ["clipped"])])
def test_a_sample_in_a_hundred_at_full_scale_is_clipped_sound(tmp_path, rate, share, problems):
    """Counted as it was recorded: resampling rounds the tops off."""
    clip = clips.read(recording(tmp_path / "tone.wav", rate, share))
    assert clip.problems == problems
    assert clip.usable, "distorted speech is still speech"


def test_loud_sound_below_full_scale_is_not_clipped(tmp_path):
    loud = 0.99 * np.sign(np.sin(2 * np.pi * 200 * np.arange(16_000) / 16_000))
    soundfile.write(tmp_path / "loud.wav", loud, 16_000)
    assert clips.read(tmp_path / "loud.wav").problems == []


def test_an_amplified_recording_is_turned_down_and_not_cut_off(tmp_path):
    tone = 0.8 * np.sin(np.arange(16_000) * 0.1).astype(np.float32)
    for name, gain in (("as_recorded", 1), ("amplified", 2.5)):
        soundfile.write(tmp_path / f"{name}.wav", gain * tone, 16_000, subtype="FLOAT")
    plain, loud = (clips.read(tmp_path / f"{name}.wav") for name in ("as_recorded", "amplified"))
    assert loud.problems == [] and np.abs(loud.samples).max() == pytest.approx(0.99, abs=0.01)
    assert np.allclose(loud.samples, plain.samples * 0.99 / 0.8, atol=1e-3)


@pytest.mark.parametrize(
    ("name", "subtype"), [("loud.mp3", None), ("loud.ogg", None), ("loud.wav", "FLOAT")]
)
def test_clipped_sound_is_named_in_every_format(tmp_path, name, subtype):
    tone = np.sin(2 * np.pi * 200 * np.arange(16_000) / 16_000)
    soundfile.write(tmp_path / name, np.clip(4 * tone, -1, 1) * 1.1, 16_000, subtype=subtype)
    clip = clips.read(tmp_path / name)
    assert clip.problems == ["clipped"] and np.abs(clip.samples).max() <= 1.01
