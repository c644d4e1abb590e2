"""What the monitor keeps between two runs, and how it tells people."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import requests

from one_api_infra.server import attempt, notify, observe_monitor
from one_api_infra.shared import outbox

NOW = 1_700_000_000.0
REFUSED = b'{"errcode": 310000, "errmsg": "keywords not in content", "code": 19021}'
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
    waiting = outbox.messages("t", "<b> & [x]", range(3), NOW)
    left, failed = notify.send(waiting, urls, NOW)
    assert [entry["channel"] for entry in left] == [1]
    assert failed == ["2 (json)"]
    assert [(each["title"], each["message"]) for each in Channel.told] == [("t", "<b> & [x]")]
    assert notify.channels(urls) == range(2)


@pytest.mark.parametrize("scheme", ["dingtalk", "wecombot", "feishu"])
def test_a_robot_refuses_with_http_200(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    """Over the real library; the robot's server is what is not there."""
    urls = tmp_path / "urls"
    urls.write_text(f"{scheme}://a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4\n")
    answer = requests.Response()
    answer.status_code, answer._content = 200, REFUSED
    monkeypatch.setattr(requests.Session, "send", lambda *_arguments, **_options: answer)
    left, failed = notify.send(outbox.messages("t", "b", [0], NOW), urls, NOW)
    assert (len(left), failed) == (1, [f"1 ({scheme})"])
    again, _failed = notify.send(left, urls, NOW + 1)
    assert again == left  # not yet


def test_a_dead_channel_is_tried_once_in_a_run(tmp_path: Path, channel: str) -> None:
    urls = tmp_path / "urls"
    urls.write_text(f"json://127.0.0.1:1/s3cret\n{channel}\n")
    waiting = [each for _n in range(9) for each in outbox.messages("t", "b", range(2), NOW)]
    left, failed = notify.send(waiting, urls, NOW)
    assert [entry["tries"] for entry in left].count(1) == 1
    assert (len(left), failed, len(Channel.told)) == (9, ["1 (json)"], 9)


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
