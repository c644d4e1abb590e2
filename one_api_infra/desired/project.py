"""Where deploys, templates and verification stand: in a checkout, or in the installed package."""

from pathlib import Path

PACKAGED = Path(__file__).parents[1] / "project"
IS_PACKAGED = PACKAGED.is_dir()
ROOT = PACKAGED if IS_PACKAGED else Path(__file__).parents[2]
TEMPLATES = ROOT / "templates"
