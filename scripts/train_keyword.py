# /// script
# requires-python = ">=3.11,<3.15"
# dependencies = [
#   "fae-training",
#   "mlx[cpu]>=0.32.4; sys_platform == 'linux' and platform_machine == 'x86_64'",
#   "mlx>=0.32.4; sys_platform == 'darwin' and platform_machine == 'arm64'",
#   "scipy-openblas32>=0.3.30; sys_platform == 'linux' and platform_machine == 'x86_64'",
#   "numpy",
#   "scipy>=1.14",
#   "soundfile",
#   "soxr",
# ]
# [tool.uv.sources]
# fae-training = { path = "../lib" }
# ///
"""Train the keyword classifier: interrupt, wake, speech, silence or noise, for every 36 ms of sound.

    uv run scripts/add_samples.py --kind keyword --class wake --speaker me --files hey-fae/*.wav
    uv run scripts/train_keyword.py --preset light
    uv run scripts/train_keyword.py --wake-phrases "hey fae, okay fae" --false-alarms-per-hour 0.5
    uv run scripts/train_keyword.py --resume latest

Reads keyword/samples/<class>/, and speech_verifier/samples/ as speech and noise. Phrases with few recordings are
synthesised by say or espeak-ng. Writes data/keyword/, runs/<run>/: run.json, metrics.jsonl, train.log, adapters/
(model.safetensors, model.json, self_test.safetensors), held_out.npz, parts.json, train_metrics.json.
Presets (steps, batch size, learning rate, seconds of generated sound, synthesised clips for each trigger with few recordings,
minutes of stream without triggers to choose and to judge operating thresholds on):
  smoke      20   32  3e-3    40   40    8
  light    1000  128  3e-3   600  600  200
  standard 1500  128  3e-3  1200  600  600
Exit status: 0 done, 2 a folder is not a class, 3 no consent (audio) or too soon, 4 a class has no samples, 5 another run, 6 it failed.
"""

from fae_training.calls import calling
from fae_training.calls.calling import Call, Result
from fae_training.classifiers import preflight
from fae_training.judgement.benchmark import Benchmark
from fae_training.lifecycle import launch, provenance, results
from fae_training.lifecycle.kinds import KINDS
from fae_training.lifecycle.launch import Training
from fae_training.lifecycle.preflight import Preflight

KIND = KINDS["keyword"]


def main(call: Call) -> Result:
    return launch.main(call, Training(KIND, prepare, train, score, verify))


def prepare(call: Call, settings, run) -> Preflight:
    """Check the requirements for starting or resuming a run."""
    return Preflight(
        settings, preflight.check(call.home, settings, KIND.name, provenance.files_of(run))
    )


def train(run, session) -> results.Trained:
    """The worker's task: gather the sounds, train, choose operating thresholds on streams, save."""
    from fae_training.classifiers import training

    return results.Trained(training.train(run, session))


def score(run, session) -> Benchmark:
    """The worker's task in a fresh process: compare the saved classifier with the one in use on the judge part."""
    from fae_training.classifiers import scoring

    return scoring.score(run, session)


def verify(run, session) -> results.Verification:
    """The worker's task after deployment: check that the loaded files pass their self-test."""
    from fae_training.classifiers import scoring

    return scoring.verify(run, session)


def build_parser() -> calling.Parser:
    return launch.build_parser(__doc__, KIND)


if __name__ == "__main__":
    calling.run(main, build_parser())
