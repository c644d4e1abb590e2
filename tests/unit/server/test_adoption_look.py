"""The look at a One API that somebody has set up: what of the kernel's words it reads."""

import os

import pytest

from one_api_infra.server import adoption_look as look

HOST = [
    {"device": "8:1", "root": "/", "at": "/"},
    {"device": "0:77", "root": "/", "at": "/var/lib/docker/overlay2/abc/merged"},
    {"device": "8:16", "root": "/", "at": "/mnt/data"},
]
CONTAINER = [
    {"device": "0:77", "root": "/", "at": "/"},
    {"device": "8:1", "root": "/srv/ai", "at": "/data"},
    {"device": "8:16", "root": "/volumes/x", "at": "/more"},
]


@pytest.mark.parametrize(
    ("inside", "here"),
    [
        ("/data/one-api.db", "/srv/ai/one-api.db"),
        ("/more/a/one-api.db", "/mnt/data/volumes/x/a/one-api.db"),
        ("/one-api.db", ""),
        ("/database/one-api.db", ""),
    ],
)
def test_a_volume_is_a_folder_of_the_host(inside: str, here: str) -> None:
    assert look.volume(inside, CONTAINER, HOST) == here


def test_this_process_is_read() -> None:
    number = os.getpid()
    assert number in look.processes()
    assert look.look(number) is None
    assert look.mounts(number) == look.mounts("self")
    assert look.listening(number) == 0


@pytest.mark.parametrize(
    ("text", "leads"),
    [
        ("location / { proxy_pass http://127.0.0.1:3000; }", True),
        ("proxy_pass http://localhost:3000/;", True),
        ("proxy_pass http://[::1]:3000;", True),
        ("proxy_pass http://127.0.0.1:30001;", False),
        ("proxy_pass http://10.0.0.1:3000;", False),
        ("proxy_pass http://0.0.0.0:3000;", True),
        ("set $up http://127.0.0.1:3000; proxy_pass $up;", True),
    ],
)
def test_what_leads_to_it(text: str, leads: bool) -> None:
    assert look.leads_to(text, 3000) is leads


PROXY = "/usr/bin/docker-proxy -proto tcp -host-ip 0.0.0.0 -host-port 3001 -container-ip 172.17.0.2"


@pytest.mark.parametrize(
    ("words", "port"),
    [
        (f"{PROXY} -container-port 3000 -use-listen-fd", 3001),
        (f"{PROXY} -container-port 80", 0),
        (f"{PROXY.replace('17.0.2', '17.0.9')} -container-port 3000", 0),
        ("/usr/sbin/nginx -g x", 0),
        ("", 0),
    ],
)
def test_a_published_port_is_the_hosts(words: str, port: int) -> None:
    assert look.forwarded(words.split(" "), "  |-- 172.17.0.2\n", 3000) == port


def test_an_upstreams_name_leads_to_it() -> None:
    files = {
        "/a": "upstream ai {\n  server 127.0.0.1:3000 max_fails=1;\n  keepalive 8;\n}",
        "/b": "location / { proxy_pass http://ai/; }",
        "/c": "location / { proxy_pass http://ai2; }",
        "/d": "upstream other { server 127.0.0.1:4000; } proxy_pass http://other;",
    }
    assert set(look.led(files, 3000)) == {"/a", "/b"}
    assert set(look.led(files, 5000)) == set()


@pytest.mark.parametrize(("words", "found"), [
    (["./one-api", "--config=/data/config.yaml"], ["/data/config.yaml"]),
    (["./one-api", "--config", "a.yaml", "--port", "3000"], ["a.yaml"]), (["./one-api"], []),
])  # fmt: skip
def test_a_configuration_that_is_named(words: list[str], found: list[str]) -> None:
    assert look.configs(words) == found


@pytest.mark.parametrize(("given", "text", "path"), [
    ({}, "", "one-api.db"), ({"SQLITE_PATH": "/d/a.db?_busy_timeout=5000"}, "", "/d/a.db"),
    ({}, "sqlite_path: 'data/b.db'\n", "data/b.db"), ({}, "export SQLITE_PATH=c.db?x\n", "c.db"),
])  # fmt: skip
def test_a_database_that_is_not_open(given: dict[str, str], text: str, path: str) -> None:
    assert look.sqlite_path(given, {"f": text}) == path


def test_a_redirect_in_a_file_of_its_own_is_its() -> None:
    files = {
        "/a": "server { server_name ai.example.com _; proxy_pass http://[::1]:3000; }",
        "/b": "server { server_name ai.example.com; return 301 https://ai.example.com; }",
        "/c": "server { server_name _; }",
        "/d": "server { server_name ai.example.com blog.example.com; }",
    }
    assert set(look.led(files, 3000)) == {"/a", "/b"}
