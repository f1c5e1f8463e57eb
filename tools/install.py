# /// script
# requires-python = ">=3.11,<3.15"
# dependencies = []
# ///
"""Copy the skill to where Fae finds it, and say which Fae that is.

    uv run tools/install.py                               ~/.agents/skills/training-orchestrator
    uv run tools/install.py --to DIR
    uv run tools/install.py --bundle build/Fae.app        into a developer's build, for its nightly loop

What is there under the same name is replaced. Exit status: 4 where the app ships no skills, or cannot be written.
"""

import argparse
import shlex
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "lib"))
NAME = "training-orchestrator"

from fae_training.app import fae_app, fae_versions  # noqa: E402


def main() -> None:
    given = parse()
    if given.bundle:
        app = fae_versions.read(given.bundle)
        if app is None:
            sys.exit(failed(f"{given.bundle} is not a Fae.app"))
        skills = next((app.bundle / "Contents/Resources").rglob("Skills"), None)
        if skills is None:
            sys.exit(failed(f"{app.bundle} ships no skills (no folder Skills in its resources)"))
        target = skills / NAME
    else:
        app, target = None, given.to.expanduser()
    try:
        copy(target)
    except OSError as error:
        sys.exit(failed(f"{error.filename or target} cannot be written: {error.strerror or error}"))
    print("\n".join(summary(app, target)))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)  # fmt: skip
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--to", type=Path, default=Path("~/.agents/skills") / NAME, metavar="DIR")
    where.add_argument("--bundle", type=Path, metavar="APP", help="a Fae.app that you built")
    return parser.parse_args()


def failed(why: str) -> int:
    print(f"error: {why}", file=sys.stderr)
    return 4


def copy(target: Path) -> None:
    """scripts/, lib/, SKILL.md and the manifest; no caches and nothing hidden."""
    hidden = shutil.ignore_patterns("__pycache__", ".*")
    for part in ("scripts", "lib"):
        shutil.rmtree(target / part, ignore_errors=True)
        shutil.copytree(ROOT / part, target / part, ignore=hidden)
    shutil.copy(ROOT / "skill.md", target / "SKILL.md")
    for name in ("MANIFEST.json", "LICENSE", "NOTICE"):
        shutil.copy(ROOT / name, target / name)


def summary(app: fae_versions.FaeApp | None, target: Path) -> list[str]:
    """Lines on where it was installed, which Fae finds it there, and what to do next."""
    lines = [f"Installed in {target}."]
    if app:
        lines.append(
            f"Fae {app.version} of that build runs it, its nightly loop too. The app's signature no longer fits: this is for "
            "a build of your own."
        )
    else:
        personal = fae_app.directory() / "skills" / NAME
        lines += [found_by(each, target, personal) for each in fae_versions.installed()] or [
            "There is no Fae.app on this machine yet; every version looks for skills in ~/.agents/skills."
        ]
    setup = shlex.quote(str(target / "scripts" / "setup.py"))
    return [*lines, f"Say what Fae may learn from: uv run {setup} --consent conversations"]


def found_by(app: fae_versions.FaeApp, target: Path, personal: Path) -> str:
    """Of the places with a skill of this name Fae takes the personal one, then ~/.agents/skills, then its own."""
    name = f"Fae {app.version or '(version unknown)'} ({app.bundle})"
    searched = (personal, Path("~/.agents/skills").expanduser() / NAME)
    if target not in searched:
        places = " or ".join(map(str, searched))
        return f"{name} does not look there: it looks in {places}."
    if target != personal and personal.exists():
        return f"{name} takes {personal} instead, which it prefers; remove that, or install there: make install DEST={shlex.quote(str(personal))}"
    if not app.is_later:
        return f"{name} finds it there when you ask for it."
    return (
        f"{name} finds it there when you ask for it. Its nightly loop runs the copy inside of the app instead; in a build of "
        "your own: make install BUNDLE=PATH"
    )


if __name__ == "__main__":
    main()
