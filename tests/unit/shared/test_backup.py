"""Every path of the toolkit is in the backup, or is made again by somebody who is named."""

import re
from pathlib import Path

import pytest

from one_api_infra.desired import manifest
from one_api_infra.shared import backup, paths
from tests.unit.examples import site

CONSTANTS = {value for name, value in vars(paths).items()
             if name.isupper() and str(value).startswith("/")}  # fmt: skip
SITE = site(alert_urls=["json://x.example.com"], backup=["/srv/backup"], backup_password="x" * 9)
DECLARED = {
    path
    for concern in manifest.concerns(SITE)
    for path in (
        *(file.path for file in concern.files), *(each.path for each in concern.directories),
        *concern.secrets,
    )
}  # fmt: skip
HELD = [each.path for each in backup.HELD] + [each.copied_from for each in backup.HELD]


def is_below(path: str, folders: list[str]) -> bool:
    return any(Path(path).is_relative_to(each) for each in folders if each)


@pytest.mark.parametrize("path", sorted(CONSTANTS | DECLARED))
def test_path_is_held_or_made_again(path: str) -> None:
    assert is_below(path, HELD) or is_below(path, list(backup.MADE_AGAIN))


def test_the_document_lists_them() -> None:
    text = (Path(__file__).parents[3] / "docs/backup.md").read_text()
    for each in backup.HELD:
        assert f"`{each.path}`" in text
    for path in (*backup.MADE_AGAIN, *backup.NOT_HELD):
        assert f"`{path}`" in text


def test_its_own_keys_are_not_in_it() -> None:
    assert {paths.BACKUP, paths.BACKUP_SSH_KEY} <= set(backup.NOT_HELD)
    assert all(re.fullmatch(r"/[\w./-]+", path) for path in backup.NOT_HELD)
