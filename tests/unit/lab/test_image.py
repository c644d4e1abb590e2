"""The mirrors that a lab's hosts take over from this machine."""

from pathlib import Path

import pytest

from one_api_infra.lab.image import mirrors

BASE, SECURITY = "http://mirror.example.com/debian", "http://mirror.example.com/debian-security"
CADDY = "deb https://dl.example.net/public/caddy/stable/deb/debian any-version main\n"
DOCKER = "deb [arch=amd64] https://docker.example.net/linux/debian trixie stable\n"
TAIL = "Components: main\n"
DEB822 = (
    f"Types: deb\nURIs: {BASE}/\nSuites: trixie trixie-updates\n{TAIL}\n"
    f"Types: deb\nURIs: {SECURITY}\nSuites: trixie-security\n{TAIL}"
)


@pytest.mark.parametrize(("sources", "found"), [
    (f"deb [signed-by=/x] {BASE} trixie main\ndeb {SECURITY} trixie-security main", 2),
    (DEB822, 2), (CADDY + DEB822, 2), (DOCKER + DEB822, 2), (DOCKER, 0),
    (f"# deb {BASE} trixie main\n", 0), (CADDY, 0), ("", 0),
    (f"deb {BASE} trixie main\n", 1),
])  # fmt: skip
def test_debians_own_mirrors_are_found(sources: str, found: int) -> None:
    wanted = {"debian": BASE, "debian-security": SECURITY}
    assert mirrors(sources) == dict(list(wanted.items())[:found])


def test_a_cloud_images_list_is_read(tmp_path: Path) -> None:
    for name in ("debian", "debian-security"):
        (tmp_path / name).write_text(f"http://mirror.example.com/{name}\n")
    text = "\n\n".join(
        f"URIs: mirror+file:{tmp_path}/{name}\nSuites: trixie{end}\n{TAIL}"
        for name, end in (("debian", ""), ("debian-security", "-security"))
    )
    assert mirrors(text) == {"debian": BASE, "debian-security": SECURITY}
