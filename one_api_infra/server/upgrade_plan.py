"""What a deploy of another release would meet here, shown before it."""

from pathlib import Path

from one_api_infra.server import overlap
from one_api_infra.server.local import api, site
from one_api_infra.shared import paths
from one_api_infra.shared.editions.api import ApiError
from one_api_infra.shared.texts import _


def show() -> None:
    """Print which release serves, which is kept, and why streams would be cut, if they would."""
    print(_("serves now: {version} (release {release})", version=_version(),
            release=_name(paths.CURRENT)))  # fmt: skip
    print(_("kept for a way back: release {release}", release=_name(paths.PREVIOUS)))
    show_cuts()


def show_cuts() -> None:
    """Print why streams would be cut, if they would."""
    if why := overlap.obstacle():
        print(_("Streams are cut: {why}", why=why))


def _version() -> str:
    try:
        return str(api(site(), token=False).status().get("version") or "-")
    except ApiError:
        return "-"


def _name(path: str) -> str:
    found = Path(path)
    return found.readlink().name if found.is_symlink() else "-"
