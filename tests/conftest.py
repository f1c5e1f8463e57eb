"""Fixtures for all tests: a state directory, a sample of Fae's own directory, and prepared state directories."""

import os
import shutil
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
for directory in ("tests", "samples", "lib"):
    sys.path.insert(0, str(ROOT / directory))
# The scripts that tests start import the package as it lies here.
os.environ["PYTHONPATH"] = str(ROOT / "lib")
# They start a thousand times; without compiled files each would compile mlx-lm and transformers again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

import leftovers  # noqa: E402
import once  # noqa: E402
import small_runs  # noqa: E402
from fae_training.environment import mlx_on_linux, mlx_tune_in_parts  # noqa: E402

# As in a worker. The scripts that tests start inherit the number of threads.
mlx_on_linux.set_up()
mlx_tune_in_parts.set_up()
leftovers.watch()
# Files that take longest, longest first: what is left for the end is short, so no process works alone for minutes.
LONGEST = (
    "test_fae_executor", "test_train", "test_train_classifiers", "test_train_stt", "test_real_model", "test_fae_bridge",
    "test_export_data", "test_train_dpo", "test_experiments", "test_memory_model", "test_train_other_models", "test_resume",
    "test_dpo_repairs", "test_bad_input", "test_ranks", "test_fast_path", "test_fuse", "test_memorisation", "test_memory_of_a_run", "test_giving_way", "test_mcp_server",
    "test_faults", "test_language_model", "test_forgetting", "test_proposal", "test_no_network", "test_app_results",
    "test_classifiers_sound_distillation", "test_classifiers_encoder", "test_capabilities", "test_dry_runs",
    "test_chat_encoder", "test_add_samples",
)  # fmt: skip


def pytest_configure(config: pytest.Config) -> None:
    """Each process of pytest-xdist reads the files from another one on, so that it finds most of them compiled."""
    tests = ROOT / "tests"
    if hasattr(config, "workerinput") and [Path(arg) for arg in config.args] == [tests]:
        files = sorted(map(str, tests.glob("test_*.py")))
        worker, workers = config.workerinput["workerid"], config.workerinput["workercount"]
        first = len(files) * int(worker.removeprefix("gw")) // workers
        config.args = files[first:] + files[:first]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """In this order pytest-xdist hands them out, with --no-loadscope-reorder."""
    place = {name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: (place.get(item.path.stem, len(place)), item.path.stem))


@pytest.fixture
def compiling():
    """mx.compile compiles on a processor too, for tests of what it does to a function, a gradient or a step."""
    import mlx.core as mx

    mx.enable_compile()
    yield
    if mlx_on_linux.use_openblas():
        mx.disable_compile()


@pytest.fixture(scope="session", autouse=True)
def one_list_of_fonts(tmp_path_factory):
    """matplotlib looks for fonts once, and not for each state directory again."""
    os.environ["MPLCONFIGDIR"] = str(once.shared_directory(tmp_path_factory) / "matplotlib")


@pytest.fixture(scope="session")
def espeak():
    """espeak(text, voice) -> samples."""
    from fae_training.speech.synthesis import Synthesiser, Voice

    program = shutil.which("espeak-ng")
    if program is None:
        pytest.skip("espeak-ng is missing: apt install espeak-ng, or brew install espeak-ng")
    synthesiser = Synthesiser("espeak-ng", program)
    return lambda text, voice: synthesiser.speak(text, Voice(voice, 160, 50))


@pytest.fixture(autouse=True)
def nobodys_own_things(tmp_path, monkeypatch):
    """No test reads or writes the developer's own state directory or Fae."""
    monkeypatch.setenv("FAE_TRAINING_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("FAE_APP_DIR", str(tmp_path / "no-fae-here"))
    for name in ("FAE_SKILL_NAME", "FAE_TRAINING_MEMORY_GB"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def home(tmp_path) -> Path:
    """An empty state directory, not made yet."""
    return tmp_path / "home"


@pytest.fixture(scope="session")
def fae_directory(tmp_path_factory):
    """make_database.Sample of a directory as Fae keeps it: .directory, .database, .planted. Not to be changed."""
    from make_database import make_database

    return make_database(tmp_path_factory.mktemp("fae"), conversations=120)


@pytest.fixture
def small_home(home) -> Path:
    """A state directory with consent and a few short conversations."""
    return small_runs.fill(home)


@pytest.fixture(scope="session")
def _finished(tmp_path_factory) -> Path:
    """Trained with a umask that lets everybody read, with its own HOME and from another directory."""
    return once.made(tmp_path_factory, "finished", _train) / "home"


def _train(place: Path) -> None:
    home, elsewhere, person = (place / name for name in ("home", "elsewhere", "person"))
    elsewhere.mkdir()
    person.mkdir()
    small_runs.fill(home)
    before = os.umask(0)
    try:
        run = small_runs.start(home, cwd=elsewhere, HOME=str(person))
    finally:
        os.umask(before)
    small_runs.finish(home, run)


@pytest.fixture
def finished_home(_finished, home) -> Path:
    """A state directory with one finished run of small_runs.SETTINGS, uninterrupted."""
    return shutil.copytree(_finished, home)
