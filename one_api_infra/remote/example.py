"""A commented inventory for one server, made of the example that names every setting."""

import json
import re
from collections.abc import Mapping

HOST, DOMAIN, EMAIL = "203.0.113.10", "ai.example.com", "admin@example.com"
HEAD = '''"""{domain}. Deploy it: one-api-infra deploy {path}

The settings that are needed stand first; the rest shows its default as a comment.
"""
'''
OWN_LINE = '{indent}"{name}": {value},\n'


def inventory(text: str, path: str, host: str, settings: Mapping[str, object]) -> str:
    """The example's ``text`` with a server of one's own.

    ``settings`` are those that are given; each takes the place of its line, comment or not.
    """
    domain = str(settings["domain"])
    _docstring, _quotes, body = text.removeprefix('"""').partition('"""\n')
    body = body.replace(f'"{HOST}"', _literal(host), 1)
    for name, value in settings.items():
        body = _set(body, name, value)
    return HEAD.format(domain=domain, path=path.replace("\\", "/")) + body


def _set(body: str, name: str, value: object) -> str:
    """Replace a setting's line, commented out or not; KeyError if there is none."""
    line = re.compile(rf'^(?P<indent> +)(?:# )?"{name}": .*\n', re.M)
    match = line.search(body)
    if match is None:
        raise KeyError(name)
    own = OWN_LINE.format(indent=match["indent"], name=name, value=_literal(value))
    return body[: match.start()] + own + body[match.end() :]


def _literal(value: object) -> str:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)
