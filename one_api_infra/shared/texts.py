"""Operator-facing texts in English and Chinese (gettext).

The language is ``ONE_API_INFRA_LANGUAGE``, else the locale of the environment. The English
sentence is the message id; ``locale/zh_CN`` holds the other half, and a test holds it complete.
"""

import gettext
import os
from functools import lru_cache
from importlib.resources import files

LANGUAGE_VARIABLES = ("ONE_API_INFRA_LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")


def language() -> str:
    """``zh_CN`` when the environment asks for Chinese, else ``en``."""
    for name in LANGUAGE_VARIABLES:
        if wanted := os.environ.get(name):
            return "zh_CN" if wanted.lower().startswith("zh") else "en"
    return "en"


@lru_cache
def translations(name: str) -> gettext.NullTranslations:
    """The catalogue of a language. Read as a resource: on a server the package is a zip file."""
    if name == "en":
        return gettext.NullTranslations()
    catalogue = files("one_api_infra.shared") / "locale" / name / "LC_MESSAGES" / "one_api_infra.mo"
    with catalogue.open("rb") as stream:
        return gettext.GNUTranslations(stream)


def _(message: str, **values: object) -> str:
    """``message`` in the operator's language, with ``{name}`` placeholders filled in."""
    text = translations(language()).gettext(message)
    return text.format(**values) if values else text


def N_(message: str) -> str:
    """``message`` as it is: a text of a table, which is translated when it is shown."""
    return message
