"""What differs between the editions of One API, as data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

EMPTY: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class Answer:
    """What One API answers to a callback: HTTP status, and the exact body when it is known."""

    status: int
    body: str | None


@dataclass(frozen=True)
class CallbackRoute:
    """A route that payment gateways call.

    ``path`` is nginx' location (``= /exact`` or ``^~ /prefix/``); ``refusal`` is the answer to a
    request without parameters, which proves DNS, TLS, nginx and One API without a payment.
    ``gateway`` is the kind of gateway that calls it; empty where a payment row says which.
    """

    path: str
    methods: tuple[str, ...]
    refusal: Answer
    gateway: str = ""


@dataclass(frozen=True)
class Edition:
    """One edition: its release, settings, routes, and how the domain and root are put in.

    ``root`` is ``default`` (root/123456 at the first start) or ``setup`` (an open set-up page).
    ``address_options`` are options that hold an origin; ``payment_rows`` says whether payment
    rows have a notify domain of their own, ``order_source`` in
    which form its orders can be read (empty: not at all).
    ``user_header`` names the header with the user's id that management calls need beside the
    token. ``status_mark`` is a field of ``/api/status`` that only this edition has; empty for the
    one that has none. ``fetches_tiktoken``: it fetches tiktoken's data when it starts, if it is not
    there; ``offline_encoders`` turn that off. ``epay_methods`` are those by which it can read
    epay's callbacks, whatever its routes let in; ``key_options`` are those that hold
    gateways' keys where no payment row does: its API does not tell them. ``signs_keys``:
    customers' keys open nothing without the secrets with which they were made.
    ``origin_variables`` take the site's origins,
    ``domain_variables`` its domains beside those that the admin names;
    ``passkey_options`` are those of WebAuthn's relying party: its id (a domain), its origins;
    ``sqlite_parameters`` end the path of SQLite's file;
    ``stop_seconds``: how long it takes to end what is under way.
    ``compliance`` are the options that say that payments were agreed to. By ``order_routes``
    orders are made. ``overlaps``: two instances may share a database for a while, as was tried.
    ``order_parameter``: callbacks that name one order in this parameter of their query are to come
    one after another; empty: its own lock is enough. ``inherits``: editions whose data it takes
    over and leaves as they can read them, so that there is a way back. ``callbacks_sleep``: after
    each start some are answered 500 until somebody orders by their payment row.
    """

    name: str
    title: str
    status_mark: str
    version: str
    repository: str
    assets: Mapping[str, str]
    environment: Mapping[str, str]
    generated: Mapping[str, int]
    database_variable: str
    root: str
    address_options: tuple[str, ...]
    callback_options: tuple[str, ...]
    payment_rows: bool
    order_source: str
    restart_on_domain: bool
    user_header: str | None
    offline_encoders: Mapping[str, str]
    fetches_tiktoken: bool
    relay_prefixes: tuple[str, ...]
    callback_routes: tuple[CallbackRoute, ...]
    stop_seconds: int
    closed_routes: tuple[str, ...]
    read_only_routes: tuple[str, ...] = ()
    order_routes: tuple[str, ...] = ()
    overlaps: bool = False
    epay_methods: tuple[str, ...] = ("GET", "POST")
    key_options: tuple[str, ...] = ()
    signs_keys: bool = False
    origin_variables: tuple[str, ...] = ()
    domain_variables: tuple[str, ...] = ()
    passkey_options: tuple[str, ...] = ()
    sqlite_parameters: str = ""
    compliance: Mapping[str, str] = field(default_factory=dict)
    order_parameter: str = ""
    callback_urls: Mapping[str, str] = field(default_factory=dict)  # option: path; empty is right
    takes_postgresql: bool = False  # as a URL's scheme, beside postgres://
    inherits: tuple[str, ...] = ()
    callbacks_sleep: bool = False

    def asset(self, architecture: str, version: str) -> str:
        """A release's asset for a Debian architecture (``amd64``, ``arm64``)."""
        return self.assets[architecture].format(version=version)

    def takes_over(self, other: "Edition") -> bool:
        """Whether a site of the other edition may become one of this, and back again."""
        return other.name in {self.name, *self.inherits} or self.name in other.inherits

    def callback_path(self, gateway: str, row: str) -> str:
        """Where a kind of gateway is told to call for a payment row."""
        own = (each.path for each in self.callback_routes if each.gateway == gateway)
        common = (each.path for each in self.callback_routes if not each.gateway)
        return next(own, "").removeprefix("= ") or f"{next(common).removeprefix('^~ ')}{row}"
