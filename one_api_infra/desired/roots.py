"""A file of the admin's with the root certificates of a CA, judged before it is copied."""

from pathlib import Path

from one_api_infra.desired.parsers import refuse
from one_api_infra.shared.texts import _


def read(path: str, setting: str) -> bytes:
    """The file's content; ValidationError for ``setting`` if it has no certificate."""
    from cryptography import x509  # noqa: PLC0415  # most sites need no roots of their own

    try:
        content = Path(path).read_bytes()
        x509.load_pem_x509_certificates(content)
    except (OSError, ValueError) as error:
        expected = _("a PEM file with the CA's root certificate: {error}", error=error)
        remedy = _("name the file on this machine, or remove the setting")
        raise refuse(setting, expected, remedy) from None
    return content
