"""What is faster is what pyinfra itself would say."""

from types import SimpleNamespace
from typing import Any

import pyinfra
import pytest
from pyinfra.api import util

from one_api_infra.remote import fast


@pytest.mark.parametrize("deploy", [__file__, "/elsewhere.py"])
def test_order_is_that_of_pyinfra(deploy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pyinfra, "is_cli", True)
    state = SimpleNamespace(current_deploy_filename=deploy, current_op_file_number=3)

    def orders() -> list[list[int]]:
        asked: tuple[Any, ...] = (
            util.get_operation_order_from_stack,
            fast._order(util.PYINFRA_INSTALL_DIR),
        )
        return [order(state) for order in asked]

    theirs, ours = orders()
    assert ours == theirs
    assert len(ours) == (4 if deploy == __file__ else 1)


def test_a_signature_refuses_what_does_not_fit() -> None:
    def function(first: int, *, second: int = 0) -> None: ...

    known = fast._signature(function)
    known.bind(1, second=2)
    known.bind(1, second=3)
    for args, kwargs in ((), {}), ((1, 2), {}), ((1,), {"third": 3}):
        with pytest.raises(TypeError):
            known.bind(*args, **kwargs)


def test_hashes_are_those_of_pyinfra() -> None:
    ours = fast._make_hash(util)
    for order in [0, 17, 4], [0, 17, 4], [0], [0, 1, 74]:
        assert ours(order) == util.make_hash(order)
