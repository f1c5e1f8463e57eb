"""Voices: which ones this machine has, and that novelty voices are excluded."""

import random
import shutil

import numpy as np
import pytest

from fae_training.speech.synthesis import SAY_VOICES, Synthesiser, Voice

SAY = """#!/bin/sh
cat <<END
Albert              en_US    # Hello! My name is Albert.
Alice               it_IT    # Ciao! Mi chiamo Alice.
Bad News            en_US    # Hello! My name is Bad News.
Eddy (English (UK)) en_GB    # Hello! My name is Eddy.
Samantha            en_US    # Hello! My name is Samantha.
END
"""


def test_say_uses_every_installed_english_voice_and_a_personal_voice(tmp_path):
    program = tmp_path / "say"
    program.write_text(SAY)
    program.chmod(0o755)
    assert Synthesiser("say", str(program)).voices() == ["Eddy (English (UK))", "Samantha"]


def test_if_say_lists_nothing_the_voices_of_every_mac_are_used(tmp_path):
    program = tmp_path / "say"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    assert Synthesiser("say", str(program)).voices() == list(SAY_VOICES)


@pytest.mark.skipif(not shutil.which("espeak-ng"), reason="no espeak-ng")
def test_every_espeak_voice_can_speak_and_there_are_hundreds():
    synthesiser = Synthesiser("espeak-ng", shutil.which("espeak-ng"))
    names = synthesiser.voices()
    assert len(set(names)) == len(names) > 300
    spoken = {}
    for name in random.Random(0).sample(names, 80):
        samples = synthesiser.speak("computer", Voice(name, 170))
        assert 0.2 < len(samples) / 16_000 < 2 and np.abs(samples).max() > 0.05
        spoken[name] = samples.tobytes()
    assert len(set(spoken.values())) == 80, "espeak-ng says nothing where it does not know a timbre"
