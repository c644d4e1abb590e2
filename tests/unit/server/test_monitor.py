"""What the monitor keeps between two runs, and how it tells people."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from one_api_infra.server import attempt, notify, observe_monitor

NEW = {"memory": {}, "outbox": [], "undelivered": [], "ran": 0, "rooms": []}


@pytest.mark.parametrize("text", ["", "{", "null", "[1]", '"x"', "[[1, 2, 3]]", "\x00", "7"])
def test_a_state_that_cannot_be_read_is_as_none(text: str) -> None:
    assert observe_monitor.parse_state(text) == NEW


def test_a_state_of_before_lacks_what_is_new() -> None:
    assert observe_monitor.parse_state('{"ran": 5}') == NEW | {"ran": 5}


class Channel(BaseHTTPRequestHandler):
    """Somebody's webhook."""

    told: list[dict[str, str]] = []  # noqa: RUF012

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        self.told.append(json.loads(self.rfile.read(length)))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_arguments: object) -> None: ...


@pytest.fixture
def channel() -> Iterator[str]:
    Channel.told.clear()
    server = HTTPServer(("127.0.0.1", 0), Channel)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"json://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_message_waits_for_its_own_channel_alone(tmp_path: Path, channel: str) -> None:
    urls = tmp_path / "urls"
    urls.write_text(f"{channel}\njson://127.0.0.1:1/s3cret\n")
    outbox = [{"title": "t", "body": "<b> & [x]", "channel": index} for index in (0, 1, 2)]
    left, failed = notify.send(outbox, urls)
    assert [entry["channel"] for entry in left] == [1]
    assert failed == ["2 (json)"]
    assert [(each["title"], each["message"]) for each in Channel.told] == [("t", "<b> & [x]")]
    assert notify.channels(urls) == range(2)


def test_an_empty_outbox_sends_nothing(tmp_path: Path) -> None:
    assert notify.send([], tmp_path / "none") == ([], [])


@pytest.mark.parametrize("words", ["", "x" * 4000 + "the end"])
def test_an_attempt_is_kept_for_the_checks(tmp_path: Path, words: str) -> None:
    path = str(tmp_path / "attempt")
    assert attempt.left(path) is None
    attempt.keep(path, words)
    found = attempt.left(path)
    assert found
    assert bool(found.reason) == bool(words)
    assert found.words.endswith("the end") or not words
    assert len(found.words) <= attempt.MOST
