"""One process of the house, as the runner holds it."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from kit.embedded import child_options


@dataclass(slots=True)
class Child:
    """One of our processes: restarted with the same command when it dies."""

    name: str
    command: list[str]
    env: dict[str, str]
    log: Path
    folder: Path | None = None  # where it runs; None: here
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.command, env=self.env, stdout=log, stderr=log, cwd=self.folder, **child_options())  # noqa: S603 - our own command

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    @property
    def pid(self) -> int:
        if self.process is None:
            raise RuntimeError(f"{self.name} was not started")
        return self.process.pid

    def stop(self, seconds: float = 20) -> None:
        if self.process is None or not self.alive:
            return
        self.process.terminate()
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """SIGKILL, as a power cut would."""
        if self.process is not None and self.alive:
            self.process.kill()
            self.process.wait(10)
