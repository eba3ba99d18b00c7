"""The real program, as a process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.acceptance.harness import until

HOWDAH = [str(Path(sys.executable).with_name("howdah"))]
PATIENCE = 60


@dataclass(frozen=True)
class Result:
    """What a run of the program left."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one document that it printed."""
        return json.loads(self.out)


class Running:
    """A program that runs beside the test."""

    def __init__(self, command: list[str], folder: Path, environment: dict[str, str]) -> None:
        self._file = folder / f"output-{len(list(folder.glob('output-*')))}"
        with self._file.open("wb") as output:
            self.process = subprocess.Popen(
                command,
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    @property
    def text(self) -> str:
        """All it said so far."""
        return self._file.read_text(encoding="utf-8")

    def log(self, event: str) -> list[dict[str, Any]]:
        """The log lines of one event, written as JSON."""
        # The last line may still be on its way.
        whole = self.text.rpartition("\n")[0]
        lines = [line for line in whole.splitlines() if line.startswith("{")]
        return [found for line in lines if (found := json.loads(line)).get("event") == event]

    def wait_for(self, event: str, *, times: int = 1) -> dict[str, Any]:
        """Wait for a log line, and return the last of its event."""
        return until(
            lambda: self.log(event) if len(self.log(event)) >= times else [],
            what=lambda: f"no {event} in:\n{self.text}",
        )[-1]

    def say(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def leave(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to leave, and return its exit code."""
        self.say(number)
        return self.process.wait(PATIENCE)

    def end(self) -> None:
        """Kill it if it is still there, giving it a chance to end what it started."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


class Program:
    """`howdah`, run in a folder with an environment."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder = folder
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith("HOWDAH_")
        }
        self.environment = {**inherited, "PYTHONUNBUFFERED": "1", **environment}
        self._running: list[Running] = []

    def run(self, *words: object, stdin: str = "", command: list[str] = HOWDAH) -> Result:
        """Run it to its end."""
        done = subprocess.run(
            [*command, *map(str, words)],
            cwd=self.folder,
            env=self.environment,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        return Result(done.returncode, done.stdout, done.stderr)

    def start(self, *words: object) -> Running:
        """Start it, and let it run."""
        made = Running([*HOWDAH, *map(str, words)], self.folder, self.environment)
        self._running.append(made)
        return made

    def write(self, name: str, text: str) -> None:
        """Write a file into its folder."""
        (self.folder / name).write_text(text, encoding="utf-8")

    def close(self) -> None:
        """End what was started."""
        for running in self._running:
            running.end()
