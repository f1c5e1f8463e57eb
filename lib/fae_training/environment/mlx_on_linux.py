"""MLX on Linux: fast matrix products on a CPU, exact ones on an NVIDIA GPU, and no waiting for a compiler.

MLX's Linux wheel contains the reference BLAS, which reaches 2 to 5 GFLOP/s on a core that reaches 100 with OpenBLAS. The
package scipy-openblas32 is OpenBLAS with the prefix `scipy_` on every symbol, so that it does not clash with another
BLAS. MLX calls its BLAS through a table of addresses that the dynamic linker fills in (the procedure linkage table;
System V ABI, chapter 5, "Dynamic Linking"). We point three entries at OpenBLAS's functions: nothing is built, copied,
preloaded or written to disk, and child processes are not affected.
"""

import contextlib
import ctypes
import functools
import mmap
import os
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

# Size of weights (bytes) from which a product takes milliseconds. Below, threads on a busy machine mostly wait for each
# other: the demo took 142 s instead of 43, and three times the CPU time.
LARGE_MODEL = 100_000_000
# Tags of the dynamic section.
_STRTAB, _SYMTAB, _PLTRELSZ, _JMPREL = 5, 6, 2, 23
_RTLD_DI_LINKMAP = 2
_READ_WRITE = 1 | 2
# OpenBLAS, once MLX uses it.
_in_use: ctypes.CDLL | None = None


class _LinkMap(ctypes.Structure):
    _fields_ = [("base", ctypes.c_size_t), ("name", ctypes.c_char_p), ("dynamic", ctypes.c_void_p)]


class _Dynamic(ctypes.Structure):
    _fields_ = [("tag", ctypes.c_int64), ("value", ctypes.c_uint64)]


class _Symbol(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_uint32),
        ("kind", ctypes.c_uint32),
        ("value", ctypes.c_uint64),
        ("size", ctypes.c_uint64),
    ]


class _Relocation(ctypes.Structure):
    _fields_ = [("offset", ctypes.c_uint64), ("info", ctypes.c_uint64), ("addend", ctypes.c_int64)]


def set_up(model: Path | None = None) -> str | None:
    """Call this first, before numpy is imported, in a process that trains or generates. Returns the result of use_openblas.

    model: the directory of the model in use, None for a small one. Environment variables that are already set are kept.
    Nothing is compiled. On a CPU MLX would compile each new function with g++ if installed: the demo took 31 s longer the
    first time (89 instead of 57 CPU seconds), and the same time afterwards. On an NVIDIA GPU the gated delta rule alone took
    75 s to compile, for 4 instead of 7 ms afterwards. There MLX would also round the float32 products of that rule to
    TF32's 10 bits, an error of 0.005.
    """
    if sys.platform != "linux":
        return None
    os.environ.setdefault("MLX_ENABLE_TF32", "0")
    weights = model.glob("*.safetensors") if model else ()
    if sum(file.stat().st_size for file in weights if file.exists()) < LARGE_MODEL:
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # Idle threads sleep at once instead of spinning for 25 ms.
    os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "4")
    products = use_openblas()
    with contextlib.suppress(ImportError):
        import mlx.core as mx

        if products or mx.cuda.is_available():
            mx.disable_compile()
    return products


@functools.cache
def use_openblas() -> str | None:
    """Make MLX use OpenBLAS in this process.

    Returns the BLAS in use, for the log and the receipt: OpenBLAS with its version and target CPU, or the reason why MLX's
    own is used instead. None where this does not apply: not on Linux, or on a GPU.
    """
    global _in_use
    if sys.platform != "linux":
        return None
    import importlib.metadata

    try:
        import mlx.core as mx
    except ImportError:
        return None
    if mx.default_device() != mx.cpu:
        return None
    try:
        openblas = ctypes.CDLL(str(installed_library()))
        mlx = ctypes.CDLL(str(Path(mx.__file__).parent / "lib" / "libmlx.so"))
        entries = {n: e for n, e in imported_functions(mlx).items() if n.startswith("cblas_")}
        if "cblas_sgemm" not in entries:
            version = importlib.metadata.version("mlx")
            raise OSError(f"MLX {version} imports no cblas_sgemm")
        functions = {name: openblas[f"scipy_{name}"] for name in entries}
        for name, entry in entries.items():
            _write(entry, ctypes.cast(functions[name], ctypes.c_void_p).value or 0)
    except (ImportError, OSError, AttributeError) as problem:
        return (
            "the BLAS in MLX's wheel, which is correct but many times slower, because OpenBLAS cannot be used "
            f"({problem}). To repair it: "
            f"uv run --reinstall-package scipy-openblas32 {shlex.quote(sys.argv[0])} --help"
        )
    _in_use = openblas
    openblas.scipy_openblas_get_config.restype = ctypes.c_char_p
    name, version, *_ = openblas.scipy_openblas_get_config().decode().split()
    openblas.scipy_openblas_get_corename.restype = ctypes.c_char_p
    return f"{name} {version} ({openblas.scipy_openblas_get_corename().decode()})"


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Use one BLAS thread within this block, for the thousands of small products of generating text.

    Threads synchronise at every product. On a busy machine two threads took 5 to 10 times as long; on an idle one with two
    cores they were a quarter faster.
    """
    openblas = _in_use
    before = openblas.scipy_openblas_get_num_threads() if openblas else 0
    if openblas:
        openblas.scipy_openblas_set_num_threads(1)
    try:
        yield
    finally:
        if openblas:
            openblas.scipy_openblas_set_num_threads(before)


def installed_library() -> Path:
    """OpenBLAS's file. Raises ImportError, or OSError for a truncated file, which would crash the process if loaded."""
    import importlib.metadata

    names = importlib.metadata.files("scipy-openblas32") or []
    library = next((name for name in names if name.match("lib/libscipy_openblas*.so")), None)
    if library is None:
        raise OSError("the package scipy-openblas32 has no library")
    path = Path(library.locate())
    if (size := path.stat().st_size) != library.size:
        raise OSError(f"{path} has {size:,} bytes instead of {library.size or 0:,}")
    return path


def imported_functions(library: ctypes.CDLL) -> dict[str, ctypes.c_void_p]:
    """The entries of a loaded library's procedure linkage table, by function name."""
    found = ctypes.POINTER(_LinkMap)()
    handle = ctypes.c_void_p(library._handle)
    if ctypes.CDLL(None).dlinfo(handle, _RTLD_DI_LINKMAP, ctypes.byref(found)):
        raise OSError(f"dlinfo knows nothing of {library._name}")
    dynamic = ctypes.cast(found.contents.dynamic, ctypes.POINTER(_Dynamic))
    tags, n = {}, 0
    while dynamic[n].tag:
        tags[dynamic[n].tag] = dynamic[n].value
        n += 1
    count = tags.get(_PLTRELSZ, 0) // ctypes.sizeof(_Relocation)
    entries = {}
    for relocation in (_Relocation * count).from_address(tags.get(_JMPREL, 0)) if count else ():
        place = tags[_SYMTAB] + (relocation.info >> 32) * ctypes.sizeof(_Symbol)
        name = ctypes.string_at(tags[_STRTAB] + _Symbol.from_address(place).name).decode()
        entries[name] = ctypes.c_void_p.from_address(found.contents.base + relocation.offset)
    return entries


def _write(entry: ctypes.c_void_p, function: int) -> None:
    """Write an address into an entry, even if the table has been made read-only."""
    address = ctypes.addressof(entry)
    page = ctypes.c_void_p(address - address % mmap.PAGESIZE)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mprotect(page, ctypes.c_size_t(mmap.PAGESIZE), _READ_WRITE):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    entry.value = function
