"""The callback domain (回调域名) in One API: where it stands, and in which form it should."""

from collections.abc import Mapping, Sequence
from typing import Any

from one_api_infra.shared.editions.edition import Edition
from one_api_infra.shared.place import Place


def origin(domain: str) -> str:
    """The form in which One API keeps a domain: no port, no slash at the end."""
    return f"https://{domain}"


def places(
    edition: Edition,
    options: Mapping[str, str],
    payments: Sequence[Mapping[str, Any]],
    origin: str,
    callback_origin: str,
) -> tuple[Place, ...]:
    """Every place of the domain, with what stands there and what should.

    The wanted form is ``https://DOMAIN`` without a slash: one-hub and new-api put the path
    behind the stored value as it is, so that a bare domain gives a notify URL without a scheme
    and a slash at the end one with ``//``, which is answered by the web page.
    """
    wanted = dict.fromkeys(edition.address_options, origin)
    wanted |= dict.fromkeys(edition.callback_options, callback_origin)
    wanted |= {
        key: f"{callback_origin}{path}"
        for key, path in edition.callback_urls.items()
        if options.get(key)
    }
    wanted |= _passkeys(edition, options, origin)
    found = [Place("option", key, options.get(key, ""), value) for key, value in wanted.items()]
    found += [
        Place("payment", str(row["id"]), row.get("notify_domain") or "", callback_origin)
        for row in payments
    ]
    return tuple(found)


def _passkeys(edition: Edition, options: Mapping[str, str], origin: str) -> dict[str, str]:
    """WebAuthn's relying party: a domain above the site's may be its id, others beside its origin.

    A passkey is bound to the id: who logs in by one needs a new one after a change of the domain.
    """
    if not edition.passkey_options:
        return {}
    identity, origins = edition.passkey_options
    name, known = origin.removeprefix("https://"), options.get(identity, "")
    fits = "." in known and f".{name}".endswith(f".{known}")
    listed = [each.strip() for each in options.get(origins, "").split(",")]
    right = options[origins] if origin in listed else origin
    return {identity: known if fits else name, origins: right}
