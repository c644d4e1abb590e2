"""nginx' files: a folder named by its content, behind a link; swapped at once, put back whole."""

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from one_api_infra.server.local import CommandError, link, must, write
from one_api_infra.shared import paths


def swap(
    configuration: Mapping[str, Any], root: Path, previous: Path, serve: Callable[[], str | None]
) -> str | None:
    """Put a configuration in the place of the old one, which comes back if ``serve`` objects.

    What ``serve`` said, or None; the old one is kept in ``previous``.
    """
    shutil.rmtree(previous, ignore_errors=True)
    shutil.copytree(root, previous, symlinks=True)
    install(configuration, root)
    try:
        wrong = serve()
    except (CommandError, OSError) as error:
        wrong = str(error)
    if wrong:
        restore(root, previous)
        return wrong
    _forget_old_releases(root, configuration["release"])
    return None


def install(configuration: Mapping[str, Any], root: Path) -> None:
    """Write the parts beside the old ones, then swap the link; the includes come last."""
    release = root / "one-api.d" / str(configuration["release"])
    release.mkdir(parents=True, exist_ok=True)
    for name, text in configuration["parts"].items():
        write(release / name, text, 0o644)
    link(root / "one-api", f"one-api.d/{configuration['release']}")
    for path, text in configuration["files"].items():
        write(root / Path(path).relative_to(paths.NGINX), text, 0o644)
    for path in configuration["absent"]:
        (root / Path(path).relative_to(paths.NGINX)).unlink(missing_ok=True)


def restore(root: Path, previous: Path) -> None:
    """Bring back what was there before ``install``."""
    for path in sorted(root.rglob("*"), reverse=True):
        there = previous / path.relative_to(root)
        if there.exists() or there.is_symlink():
            continue
        if path.is_dir() and not path.is_symlink():
            path.rmdir()
        else:
            path.unlink()
    must("cp", "--archive", "--force", "--no-target-directory", str(previous), str(root))


def are_relieved(before: set[str], now: set[str], is_leaving: Callable[[str], bool]) -> bool:
    """Whether there are new workers, and all of the old ones take no more connections."""
    return bool(now - before) and all(map(is_leaving, before))


def _forget_old_releases(root: Path, current: str) -> None:
    for path in (root / "one-api.d").iterdir():
        if path.name != current:
            shutil.rmtree(path)
