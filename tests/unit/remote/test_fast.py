"""Operations are numbered as pyinfra itself would number them."""

import inspect

from one_api_infra.remote import fast


def test_stack_is_that_of_inspect() -> None:
    ours, theirs = fast._stack(), inspect.stack(0)
    places = [fast._place(frame) for (frame,) in ours]
    assert [(place.filename, place.function) for place in places] == [
        (info.filename, info.function) for info in theirs
    ]
    assert places[1:] == [inspect.getframeinfo(info.frame, 0) for info in theirs[1:]]
