# /// script
# requires-python = ">=3.11,<3.15"
# dependencies = []
# ///
"""Write MANIFEST.json: what Fae lets the skill do, and the checksum of every file that it runs.

    uv run tools/make_manifest.py
    uv run tools/make_manifest.py --check     exit status 1 where it is out of date

Fae disables a skill whose listed files do not match (SHA-256). skill.md is listed as SKILL.md, its name once installed.
"""

import hashlib
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RULES = {
    "schemaVersion": 1,
    "capabilities": ["execute"],
    "allowedTools": ["run_skill"],
    "allowedDomains": [],
    "dataClasses": ["local_files", "user_conversations"],
    "riskTier": "high",
    # Fae ends every call after 30 s, whatever stands here; long work goes on in a worker of its own.
    "timeoutSeconds": 30,
    # Fae refuses a script that opens a connection itself; uv and huggingface_hub fetch what setup.py asks for.
    "allowNetwork": False,
    # lib/ starts the workers.
    "allowSubprocess": True,
}


def manifest() -> dict:
    files = {"SKILL.md": ROOT / "skill.md"}
    for pattern in (
        "scripts/*.py",
        "scripts/*.lock",
        "lib/pyproject.toml",
        "lib/**/*.py",
        "lib/**/*.safetensors",
        "lib/**/*.json",
        "lib/**/*.jsonl",
    ):
        files |= {str(p.relative_to(ROOT)): p for p in sorted(ROOT.glob(pattern))}
    checksums = {
        name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()
    }
    return RULES | {"integrity": {"algorithm": "sha256", "checksums": checksums}}


def main() -> None:
    text, path = json.dumps(manifest(), indent=2) + "\n", ROOT / "MANIFEST.json"
    if "--check" not in sys.argv[1:]:
        path.write_text(text, encoding="utf-8")
    elif path.read_text(encoding="utf-8") != text:
        sys.exit("MANIFEST.json is out of date; run: make manifest")


if __name__ == "__main__":
    main()
