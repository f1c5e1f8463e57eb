"""TrainingBridge of later Fae, which calls the scripts of its own bundle: command, environment, limits, polling."""

import json
import os
import subprocess
import tempfile
from pathlib import Path

import leftovers

LIMITS_S = {"train": 600, "train_dpo": 600, "check_status": 30, "evaluate": 60}
OTHER_LIMIT_S = 300
PIPE_BYTES = 65_536


class Bridge:
    """It gives a JSON object as argv[1], never closes standard input, waits for the exit, and reads only then."""

    def __init__(self, person: Path, scripts: Path):
        self.person, self.scripts = person, scripts
        self.sizes: dict[str, int] = {}

    def call(self, name: str, **arguments) -> dict:
        """The object that the script answers, as Swift has it. Raises RuntimeError as the bridge throws."""
        environment = {
            "PATH": f"{self.person}/.local/bin:{self.person}/.cargo/bin:/usr/local/bin:/usr/bin:/bin",
            "HOME": str(self.person),
            "TMPDIR": tempfile.gettempdir(),
            "USER": "sam",
            leftovers.VARIABLE: os.environ[leftovers.VARIABLE],
        }
        uv, script = self.person / ".local/bin/uv", self.scripts / f"{name}.py"
        process = subprocess.Popen(
            [uv, "run", "--script", script, json.dumps(arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            cwd=self.scripts,
        )
        # Never written to and never closed before the exit.
        try:
            status = process.wait(LIMITS_S.get(name, OTHER_LIMIT_S))
        except subprocess.TimeoutExpired:
            process.terminate()
            raise
        # A child that held the pipes open would keep these waiting for its end.
        out, err = process.stdout.read(), process.stderr.read()
        for stream in (process.stdin, process.stdout, process.stderr):
            stream.close()
        assert len(out) < PIPE_BYTES and len(err) < PIPE_BYTES
        self.sizes[name] = max(self.sizes.get(name, 0), len(out))
        if status:
            raise RuntimeError(err.decode()[:500])
        answer = json.loads(out)
        return answer["result"] if isinstance(answer.get("result"), dict) else answer

    def train(self, name: str = "train") -> str:
        """Launch with what the bridge always sends; the adapter's path. Raises RuntimeError where the launch fails."""
        answer = self.call(name, target_model_preset="auto", training_preset="light")
        if type(answer.get("pid")) is not int or not answer.get("adapter_path"):
            raise RuntimeError(f"launch failed: {answer}")
        return answer["adapter_path"]

    def poll(self, adapter_path: str) -> str | None:
        """None while it runs; else the adapter's path where training was a success, "" where not."""
        answer = self.call("check_status")
        if answer.get("running") is True:
            return None
        path = answer.get("adapter_path") or adapter_path
        if Path(path, "adapters.safetensors").exists():
            return path
        try:
            return self.call("evaluate", adapter_path=path).get("adapter_path") or ""
        except RuntimeError:
            return ""
