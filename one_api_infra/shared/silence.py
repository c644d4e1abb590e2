"""Why a gateway gave no answer about an order, as a word that is kept and in words for people."""

from one_api_infra.shared import foreign
from one_api_infra.shared.texts import N_, _

NO_QUERY = "HTTP 404"
# What AskError names: the kind of the error, or the status of an answer that is no JSON.
REASONS = {
    "SSLError": N_("its certificate is not trusted"),
    "ConnectionError": N_("no connection"),
    "ConnectTimeout": N_("no connection in time"),
    "ReadTimeout": N_("no answer in time"),
    "ReadTimeoutError": N_("no answer in time"),
    "JSONDecodeError": N_("its answer is no JSON"),
    "ForbiddenAddressError": N_("it is in a private network that `gateway_networks` does not name"),
    "no object": N_("its answer is no JSON"),
    NO_QUERY: N_("it has no query"),
}


def words(detail: str) -> str:
    """Why the gateway said nothing, in our words or in its own."""
    return _(REASONS[detail]) if detail in REASONS else foreign.text(detail) or "-"
