"""Templates to files. A template knows no facts: all it needs is passed in."""

from functools import cache, lru_cache
from pathlib import Path

from jinja2 import (
    Environment,
    FileSystemBytecodeCache,
    FileSystemLoader,
    StrictUndefined,
    Template,
)

from one_api_infra.desired import cache as kept
from one_api_infra.desired.project import TEMPLATES
from one_api_infra.desired.resources import File


def environment(templates: Path = TEMPLATES) -> Environment:
    """Jinja that refuses an undefined name; nothing is escaped, since nothing is HTML."""
    compiled = kept.folder("templates")  # to compile them is a tenth of a run
    return Environment(
        bytecode_cache=FileSystemBytecodeCache(str(compiled)) if compiled else None,
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
    if (found := _as_it_is(name)) is not None:
        return found
    return _template(f"{name}.j2").render(**values)


def file(path: str, mode: str = "644", **values: object) -> File:
    """The rendered file, owned by root."""
    try:
        return _file(path, mode, tuple(values.items()))
    except TypeError:  # a value that cannot be hashed
        return File(path, text(path, **values).encode(), mode)


# Hundreds of servers share most of their files.
@lru_cache(maxsize=1024)
def _file(path: str, mode: str, values: tuple[tuple[str, object], ...]) -> File:
    return File(path, text(path, **dict(values)).encode(), mode)


@cache
def _as_it_is(name: str) -> str | None:
    path = TEMPLATES / name
    return path.read_text(encoding="utf-8") if path.exists() else None


@cache
def _template(name: str) -> Template:
    return _environment.get_template(name)
