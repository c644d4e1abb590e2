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
    epay's callbacks, whatever its routes let in; ``epay_key_option`` is the option that holds
    epay's key where no payment row does. ``signs_keys``: customers' keys open nothing without the
    secrets with which they were made. ``origin_variables`` take the site's origins;
    ``sqlite_parameters`` end the path of SQLite's file;
    ``stop_seconds``: how long it takes to end what is under way.
    ``compliance`` are the options that say that payments were agreed to. By ``order_routes``
    orders are made. ``overlaps``: two instances may share a database for a while, as was tried.
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
    epay_key_option: str = ""
    signs_keys: bool = False
    origin_variables: tuple[str, ...] = ()
    sqlite_parameters: str = ""
    compliance: Mapping[str, str] = field(default_factory=dict)

    def asset(self, architecture: str, version: str) -> str:
        """A release's asset for a Debian architecture (``amd64``, ``arm64``)."""
        return self.assets[architecture].format(version=version)
