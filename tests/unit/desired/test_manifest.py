"""Everything that a site puts on a server is declared once, and the manifest names all of it."""

import itertools
import re
from pathlib import Path
from typing import Any

import pytest

from one_api_infra.desired import manifest
from one_api_infra.shared import editions, paths, plain, units
from one_api_infra.shared.manifest import Manifest
from one_api_infra.shared.secret import Secret
from tests.unit.examples import site

CHOICES: dict[str, list[Any]] = {
    "edition": list(editions.EDITIONS),
    "callbacks": ["on", "off"],
    "certbot": ["venv", "distribution"],
    "alert_urls": [[], [Secret("json://s3cret.example.com")]],
    "backup": [[], ["/srv/backup"]],
    "database_url": [None, Secret("postgres://one:s3cret@127.0.0.1/one")],
}
SITES = [dict(zip(CHOICES, chosen, strict=True)) for chosen in itertools.product(*CHOICES.values())]


@pytest.mark.parametrize("settings", SITES, ids=lambda each: "-".join(map(str, each.values())))
def test_manifest_names_all(settings: dict[str, Any]) -> None:
    known = site(**settings, backup_password="s3cret")
    manifest.check(known)
    file = manifest.manifest(known)
    assert b"s3cret" not in file.data
    found = plain.read(Manifest, file.data.decode())
    declared = manifest.concerns(known)
    for concern in declared:
        for each in concern.files:
            assert found.entries[each.path].mode == each.mode
            assert (found.entries[each.path].sha256 == "") == isinstance(each.content, Secret)
        assert set(found.units) >= set(concern.units)
    assert all(re.match(r"/[\w./@+-]+$", path) for path in found.entries)


def test_snapshot_sees_all_that_is_declared() -> None:
    known = site(alert_urls=["json://127.0.0.1"])
    spec = manifest.snapshot_spec(known)
    found = plain.read(Manifest, manifest.manifest(known).data.decode())
    assert set(spec.paths) >= {*found.entries, paths.MANIFEST}
    assert set(spec.units) >= set(found.units)
    assert set(spec.users) >= set(found.users)
    assert set(spec.packages) >= set(found.packages)
    own = {path.rpartition("/")[2] for path in found.entries if path.startswith(units.FOLDER)}
    assert set(spec.units) >= {
        name for name in own if "." in name and not name.endswith((".conf", ".d"))
    }


def test_no_path_is_declared_twice() -> None:
    known = site(alert_urls=["json://127.0.0.1"], backup=["/srv/backup"], backup_password="x")
    declared = [file.path for concern in manifest.concerns(known) for file in concern.files]
    assert sorted(declared) == sorted(set(declared))


def test_no_module_with_a_concern_is_forgotten() -> None:
    folder = Path(manifest.__file__).parent
    written = {path.stem for path in folder.glob("*.py") if "\ndef concern(" in path.read_text()}
    listed = {concern.__module__.rpartition(".")[2] for concern in manifest.CONCERNS}
    assert written == listed
