"""What ran when, as lines."""

from one_api_infra.remote import timeline
from one_api_infra.remote.timeline import Span


def test_each_step_that_matters_has_a_line_and_its_place() -> None:
    found = [Span("late", 105, 110), Span("early", 100, 105), Span("short", 104, 104.1)]
    head, early, late = timeline.lines(found)
    assert "10.0" in head
    assert early.endswith("5.0 s  early")
    assert late.endswith("5.0 s  late")
    half = timeline.WIDTH // 2
    assert f" {'█' * half}{'·' * half} " in early
    assert f" {'·' * half}{'█' * half} " in late


def test_a_short_run_says_nothing() -> None:
    assert timeline.lines([Span("all", 0, timeline.LONG - 0.1)]) == []
    assert timeline.lines([]) == []


def test_lines_of_the_server_are_spans() -> None:
    (found,) = timeline.spans(["12.5 14.0 apt-get install"])
    assert (found.name, found.seconds) == ("apt-get install", 1.5)
