"""Which BLAS multiplies on a Linux processor: the right library, the right numbers, and what happens without it."""

import importlib.metadata
import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import small_runs
from calls import SCRIPTS
from fae_training.environment import mlx_on_linux
from fae_training.lifecycle.kinds import KINDS
from fae_training.store import state
from test_uv_scripts import metadata

here = pytest.mark.skipif(
    mlx_on_linux.use_openblas() is None, reason="MLX runs on no Linux processor here"
)


def python(code: str, **environment) -> str:
    """The output of a separate interpreter for `code`; an environment variable that is None is removed."""
    given = {n: v for n, v in {**os.environ, **environment}.items() if v is not None}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], env=given, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


# One product by MLX, and the same by OpenBLAS's function called directly.
PRODUCTS = """
    import ctypes, sys
    import mlx.core as mx
    import numpy as np
    from fae_training.environment import mlx_on_linux

    a, b = (np.random.default_rng(n).normal(size=(384, 384)).astype(np.float32) for n in (1, 2))

    def by_mlx():
        return np.array(mx.array(a) @ mx.array(b))

    def by_openblas():
        c, pointer = np.zeros_like(a), lambda x: x.ctypes.data_as(ctypes.c_void_p)
        sgemm = ctypes.CDLL(str(mlx_on_linux.installed_library())).scipy_cblas_sgemm
        row_major, plain, n, one = 101, 111, 384, ctypes.c_float(1)
        sgemm(row_major, plain, plain, n, n, n, one, pointer(a), n, pointer(b), n, ctypes.c_float(0), pointer(c), n)
        return c
"""


@here
def test_mlx_gives_openblas_results_to_the_last_bit_and_only_if_openblas_is_set():
    """A product of 384 numbers is summed in another order by every BLAS, so equal bits mean the same function."""
    output = python(
        PRODUCTS
        + """
    before = by_mlx()
    said = mlx_on_linux.use_openblas()
    print(said, np.array_equal(before, by_openblas()), np.array_equal(by_mlx(), by_openblas()), sep="|")
    """
    )
    name, before, after = output.split("|")
    assert name.startswith("OpenBLAS 0.3.")
    assert (before, after) == ("False", "True")


@here
def test_every_function_that_mlx_imports_from_its_blas_is_openblas():
    """By the entries in MLX's table, and by the file that the addresses in them are mapped from."""
    output = python(
        """
        import ctypes
        from pathlib import Path
        import mlx.core as mx
        from fae_training.environment import mlx_on_linux

        def file_at(address):
            for line in open("/proc/self/maps"):
                first, last = (int(text, 16) for text in line.split()[0].split("-"))
                if first <= address < last:
                    return Path(line.split()[-1]).name

        mlx_on_linux.use_openblas()
        mlx = ctypes.CDLL(str(Path(mx.__file__).parent / "lib" / "libmlx.so"))
        for name, entry in mlx_on_linux.imported_functions(mlx).items():
            if name.startswith("cblas_"):
                print(name, file_at(entry.value))
        """
    )
    files = dict(line.split() for line in output.splitlines())
    assert {"cblas_sgemm", "cblas_dgemm"} <= set(files)
    assert set(files.values()) == {"libscipy_openblas.so"}


@here
@pytest.mark.parametrize("kind", ["float32", "float64", "complex64"])
def test_products_of_every_layout_equal_numpys(kind):
    import mlx.core as mx
    import numpy as np

    chooser = np.random.default_rng(0)
    numbers = lambda *shape: chooser.normal(size=shape).astype(kind)  # noqa: E731
    # Complex matrices, and rows that are not beside each other, take other ways through MLX.
    a, b, many = numbers(37, 200), numbers(200, 51), numbers(5, 37, 200)
    with mx.stream(mx.cpu):
        for left, right in [(a, b), (b.T, a.T), (a[::2], b[:, ::3]), (many, b), (a[:1], b)]:
            x = mx.array(np.ascontiguousarray(left), dtype=getattr(mx, kind))
            y = mx.array(np.ascontiguousarray(right.T), dtype=getattr(mx, kind)).T
            found = np.array(x @ y)
            assert np.abs(found - left @ right).max() < (1e-10 if kind == "float64" else 1e-4)


@here
def test_a_table_that_the_linker_made_read_only_is_written_too():
    assert python(
        PRODUCTS
        + """
    from pathlib import Path
    mlx = ctypes.CDLL(str(Path(mx.__file__).parent / "lib" / "libmlx.so"))
    page = ctypes.addressof(mlx_on_linux.imported_functions(mlx)["cblas_sgemm"]) // 4096 * 4096
    by_mlx()
    assert ctypes.CDLL(None).mprotect(ctypes.c_void_p(page), 4096, 1) == 0
    print(mlx_on_linux.use_openblas(), np.array_equal(by_mlx(), by_openblas()))
    """
    ).endswith("True")


@pytest.fixture(params=["cut short", "not a library", "without its library", "another version"])
def spoilt(request, tmp_path) -> tuple[str, str]:
    """A folder for PYTHONPATH with a spoilt scipy-openblas32 in it, and what is to be said of it."""
    files = importlib.metadata.files("scipy-openblas32")
    for file in files:
        if file.suffix == ".so" or "dist-info" in str(file):
            (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file.locate(), tmp_path / file)
    [library] = tmp_path.rglob("*.so")
    size = library.stat().st_size
    if request.param == "cut short":
        os.truncate(library, size // 2)
        return str(tmp_path), f"has {size // 2:,} bytes instead of {size:,}"
    if request.param == "not a library":
        library.write_bytes(bytes(size))
        return str(tmp_path), "invalid ELF header"
    if request.param == "another version":
        # MLX's own library has everything but the functions that are looked for.
        import mlx.core as mx

        shutil.copyfile(Path(mx.__file__).parent / "lib" / "libmlx.so", library)
        os.truncate(library, size)
        return str(tmp_path), "scipy_cblas_"
    library.unlink()
    return str(tmp_path), "No such file"


@here
def test_without_a_working_openblas_mlx_multiplies_by_itself_and_the_remedy_is_reported(spoilt):
    place, reason = spoilt
    output = python(
        PRODUCTS
        + """
    print(mlx_on_linux.set_up(), np.abs(by_mlx() - a @ b).max() < 1e-3, sep="|")
    """,
        PYTHONPATH=f"{place}:{SCRIPTS.parent / 'lib'}",
    )
    name, right = output.split("|")
    assert right == "True"
    assert reason in name and "many times slower" in name
    assert "uv run --reinstall-package scipy-openblas32" in name


@here
def test_a_training_runs_without_openblas_reports_it_and_compiles_nothing(home, tmp_path):
    """MLX puts what it has compiled into the folder for temporary files."""
    (tmp_path / "scipy_openblas32-0.3.30.dist-info").mkdir()
    path, scratch = f"{tmp_path}:{SCRIPTS.parent / 'lib'}", tmp_path / "scratch"
    scratch.mkdir()
    small_runs.fill(home, choose=1, judge=2, tasks=2)
    given = ("--steps", "2", "--rehearsal", "0")
    run = small_runs.start(home, *given, PYTHONPATH=path, TMPDIR=str(scratch))
    directory = small_runs.finish(home, run)
    products = state.read_json(directory / "train_metrics.json")["versions"]["matrix products"]
    assert "the package scipy-openblas32 has no library" in products
    assert str(SCRIPTS / "train.py") in products, "the remedy names the script"
    assert f"matrix products by {products}" in (directory / "train.log").read_text()
    assert list(scratch.rglob("*.cpp")) == []


@here
@pytest.mark.parametrize(
    ("weights", "given", "threads"),
    [(4_000_000, None, "1"), (300_000_000, None, str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0)), (300_000_000, "1", "1"), (4_000_000, "2", "2"), (None, None, "1")],
)  # fmt: skip
def test_a_model_has_threads_when_it_is_large_or_the_person_says_so(
    weights, given, threads, tmp_path
):
    if weights:
        with (tmp_path / "model.safetensors").open("wb") as file:
            file.truncate(weights)
    (tmp_path / "gone.safetensors").symlink_to(tmp_path / "nowhere")
    output = python(
        f"""
        import ctypes
        from pathlib import Path
        from fae_training.environment import mlx_on_linux
        mlx_on_linux.set_up({f"Path({str(tmp_path)!r})" if weights else None})
        print(ctypes.CDLL(str(mlx_on_linux.installed_library())).scipy_openblas_get_num_threads())
        """,
        OPENBLAS_NUM_THREADS=given,
    )
    assert output == threads


@pytest.mark.parametrize("given, expected", [(None, "0"), ("1", "1")])
def test_float32_products_on_a_gpu_stay_float32_unless_the_person_says_otherwise(given, expected):
    output = python(
        """
        import os
        from fae_training.environment import mlx_on_linux
        mlx_on_linux.set_up()
        print(os.environ["MLX_ENABLE_TF32"])
        """,
        MLX_ENABLE_TF32=given,
    )
    assert output == expected


def test_on_a_mac_nothing_is_looked_up_or_set():
    output = python(
        """
        import os, sys
        from fae_training.environment import mlx_on_linux
        sys.platform, before, loaded = "darwin", dict(os.environ), set(sys.modules)
        print(mlx_on_linux.set_up(), mlx_on_linux.use_openblas())
        print(dict(os.environ) == before, set(sys.modules) - loaded)
        """,
        OPENBLAS_NUM_THREADS=None,
        OPENBLAS_THREAD_TIMEOUT=None,
        MLX_ENABLE_TF32=None,
    )
    assert output.splitlines() == ["None None", "True set()"]


@pytest.mark.parametrize("name", sorted({kind.script for kind in KINDS.values()}))
def test_what_trains_brings_openblas_where_it_brings_mlx_for_a_processor(name):
    needs = metadata(SCRIPTS / name)["dependencies"]
    [mlx] = [need.partition(";")[2] for need in needs if need.startswith("mlx[cpu]")]
    [openblas] = [need.partition(";")[2] for need in needs if need.startswith("scipy-openblas32")]
    assert openblas == mlx
    assert "linux" in mlx and "darwin" not in mlx


@here
def test_answers_are_generated_with_one_thread_and_training_continues_with_as_many_as_before():
    counted = python(
        """
        import sys
        from fae_training.environment import mlx_on_linux

        mlx_on_linux.use_openblas()
        threads = mlx_on_linux._in_use.scipy_openblas_get_num_threads
        with mlx_on_linux.one_thread():
            within = threads()
        try:
            with mlx_on_linux.one_thread():
                sys.exit()
        except SystemExit:
            print(within, threads())
        """,
        OPENBLAS_NUM_THREADS="2",
    )
    assert counted == "1 2"
