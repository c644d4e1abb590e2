"""Templates to files. A template knows no facts: all it needs is passed in."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from one_api_infra.desired.project import TEMPLATES
from one_api_infra.desired.resources import File


def environment(templates: Path = TEMPLATES) -> Environment:
    """Jinja that refuses an undefined name; nothing is escaped, since nothing is HTML."""
    return Environment(
        loader=FileSystemLoader(templates, encoding="utf-8"),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,  # noqa: S701  # configuration files, no HTML
    )


_environment = environment()


def text(path: str, **values: object) -> str:
    """The content of the file at ``path`` on the server, from the template of that path."""
    name = path.lstrip("/")
    if (TEMPLATES / name).exists():
        return (TEMPLATES / name).read_text(encoding="utf-8")
    return _environment.get_template(f"{name}.j2").render(**values)


def file(path: str, mode: str = "644", **values: object) -> File:
    """The rendered file, owned by root."""
    return File(path, text(path, **values).encode(), mode)
