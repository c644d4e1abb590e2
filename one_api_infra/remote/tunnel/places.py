"""One API's places of the domain: set to the tunnel's name while it is open."""

from dataclasses import dataclass, field, replace

from one_api_infra.shared.callback_domain import places
from one_api_infra.shared.editions.api import Api, ApiError
from one_api_infra.shared.editions.entry import LoginError, entered
from one_api_infra.shared.place import Place


@dataclass
class Places:
    """``before`` is what stood there, by place, to be put back. Calls raise ApiError."""

    api: Api
    password: str = field(repr=False)
    origin: str
    refused: LoginError | None = None
    before: dict[tuple[str, str], Place] = field(default_factory=dict)

    def enter(self) -> None:
        """Enter anew, if One API does not know us any more: it may have been started anew."""
        if self.refused:
            raise self.refused
        try:
            self.api.options()
        except ApiError:
            try:
                self.api = entered(self.api.base, self.password)
            except LoginError as error:
                self.refused = error  # twenty of them would lock everybody out
                raise

    def mend(self) -> list[Place]:
        """Set those that are not right, also of payment rows that are new; which these were."""
        wrong = [place for place in self._found() if not place.is_right]
        for place in wrong:
            self.before.setdefault((place.kind, place.key), place)
            self._set(place)
        return wrong

    def put_back(self) -> list[Place]:
        """Put back what stood there; payment rows that are gone meanwhile are left out."""
        there = {(place.kind, place.key) for place in self._found()}
        own = [place for key, place in self.before.items() if key in there]
        for place in own:
            self._set(replace(place, wanted=place.value))
        return own

    def _found(self) -> tuple[Place, ...]:
        kind = self.api.edition
        rows = self.api.payments() if kind.payment_rows else []
        return places(kind, self.api.options(), rows, self.origin, self.origin)

    def _set(self, place: Place) -> None:
        if place.kind == "payment":
            self.api.set_notify_domain(int(place.key), place.wanted)
        else:
            self.api.set_option(place.key, place.wanted)
