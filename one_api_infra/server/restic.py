"""restic on this server: its secrets from ``backup.json`` go to it by its environment alone."""

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from one_api_infra.server.local import CommandError
from one_api_infra.shared import paths, plain, repository, restic
from one_api_infra.shared.backup import Settings
from one_api_infra.shared.plain import PlainError
from one_api_infra.shared.repository import Repository
from one_api_infra.shared.texts import _

T = TypeVar("T")
# Another run may hold the repository: the journal while the backup forgets, or an admin's prune.
# restic 0.14 does not wait for it by itself.
LOCKED_SECONDS, LOCKED_EVERY = 300, 3


@dataclass(frozen=True)
class Restic:
    """restic with one repository."""

    repository: Repository
    settings: Settings
    seconds: float | None = None  # for each of restic's runs: it may try for a quarter of an hour

    def run(self, *arguments: str) -> str:
        """restic's output; CommandError with its words if it fails.

        It waits while another run holds the repository; ``unlock`` takes away locks of the dead.
        """
        return self._waiting(lambda: self._run(*arguments))

    def _waiting(self, act: Callable[[], T]) -> T:
        until = time.monotonic() + min(LOCKED_SECONDS, self.seconds or LOCKED_SECONDS)
        while True:
            try:
                return act()
            except CommandError as error:
                if restic.reason(str(error)) != "locked" or time.monotonic() > until:
                    raise
            time.sleep(LOCKED_EVERY)
            self._run("unlock")

    def _run(self, *arguments: str) -> str:
        try:
            done = subprocess.run(
                self._command(arguments), env=self._environment(), stdin=subprocess.DEVNULL,
                capture_output=True, text=True, errors="replace", check=False,
                timeout=self.seconds,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise CommandError(f"timed out after {self.seconds:.0f} s") from None
        if done.returncode:
            raise CommandError(repository.masked(done.stderr.strip() or done.stdout.strip()[-800:]))
        return done.stdout

    def write(self, path: Path, snapshot: str, source: str) -> None:
        """Write a file of a snapshot to ``path``; OSError or CommandError. It waits as ``run``."""
        self._waiting(lambda: self._write(path, snapshot, source))

    def _write(self, path: Path, snapshot: str, source: str) -> None:
        with path.open("wb") as stream:
            done = subprocess.run(
                self._command(("dump", snapshot, source)), env=self._environment(),
                stdin=subprocess.DEVNULL, stdout=stream, stderr=subprocess.PIPE, check=False,
            )  # fmt: skip
        if done.returncode:
            words = done.stderr.decode("utf-8", "replace").strip()
            raise CommandError(repository.masked(words))

    def json(self, *arguments: str) -> Any:
        """restic's output as data."""
        return json.loads(self.run(*arguments, "--json") or "null")

    def _command(self, arguments: tuple[str, ...]) -> list[str]:
        limit = self.settings.kib_per_second
        limits = [f"--limit-upload={limit}"] if limit else []
        cache = f"--cache-dir={paths.BACKUP_CACHE}"
        return ["restic", cache, *limits, *self.repository.options, *arguments]

    def _environment(self) -> dict[str, str]:
        own = {"RESTIC_REPOSITORY": self.repository.url, "RESTIC_PASSWORD": self.settings.password}
        # Debian 13's /tmp is memory: what is on its way to a slow repository fills it.
        Path(paths.BACKUP_CACHE).mkdir(mode=0o700, exist_ok=True)
        own["TMPDIR"] = paths.BACKUP_CACHE
        return {**os.environ, **self.settings.environment, **own}


def settings() -> Settings:
    """What the deploy has left; CommandError where no backup is set up."""
    try:
        return plain.read(Settings, Path(paths.BACKUP).read_text())
    except (OSError, PlainError) as error:
        raise CommandError(
            _(
                "{path} does not tell where the backup is: {error}.\n"
                'Remedy: set "backup" in the inventory and deploy again.',
                path=paths.BACKUP,
                error=error,
            )
        ) from None


def each(settings: Settings) -> Iterator[Restic]:
    """restic for each repository, in the inventory's order."""
    for text in settings.repositories:
        yield Restic(repository.parse(text), settings)
