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
