"""What the tests of a host ask it, asked together when they begin: one way there and back for all.

A test asks as ever (``host.file``, ``host.run``…); its backend has the answer already, as the very
command would have got it, or asks then. ``foreseen.json`` holds the commands that were asked on
sites of the lab, with the site's own values left out; ``tests/lab/test_foreseen.py`` holds it to
what is asked.
"""

import base64
import json
import re
import subprocess
import zlib
from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any, ClassVar

from testinfra.backend.base import CommandResult
from testinfra.backend.ssh import SshBackend

from one_api_infra.desired.site import Site
from one_api_infra.remote.connections import Connections

QUESTIONS = Path(__file__).with_name("foreseen.json")
OF_ONE_HOST = re.compile(r"/proc/\d|/releases/[0-9a-f]{16}")
FEW = 30  # tests for which it is not worth it
SECONDS = 60
# Each command by the shell that ssh would have given it to; a few at a time.
ASK = """
import base64, json, os, subprocess, sys, zlib
from concurrent.futures import ThreadPoolExecutor

def answer(command):
    done = subprocess.run([os.environ.get("SHELL") or "/bin/sh", "-c", command],
                          stdin=subprocess.DEVNULL, capture_output=True)
    texts = (base64.b64encode(each).decode() for each in (done.stdout, done.stderr))
    return [done.returncode, *texts]

with ThreadPoolExecutor(4) as pool:
    found = list(pool.map(answer, COMMANDS))
sys.stdout.buffer.write(base64.b64encode(zlib.compress(json.dumps(found).encode())))
"""

Answers = Mapping[str, tuple[int, bytes, bytes]]


class Ssh(SshBackend):  # type: ignore[misc]  # testinfra has no types
    """testinfra's own, which looks into what was asked before."""

    answers: ClassVar[dict[str, "Future[Answers]"]] = {}
    asked: ClassVar[dict[str, list[str]]] = {}  # what was not foreseen, by host
    connections: ClassVar[Connections | None] = None

    @classmethod
    def away(cls, name: str) -> str:
        """Why a host cannot be asked; empty if it can."""
        return cls.connections.away(name) if cls.connections else ""

    def run(self, command: str, *args: str, **kwargs: Any) -> CommandResult:
        """The answer that is there, or one of now."""
        name, text = self.host.name, self.quote(command, *args)
        known = self.answers[name].result() if name in self.answers else {}
        if text in known:
            code, stdout, stderr = known[text]
            return self.result(code, self.encode(text), stdout, stderr)
        self.asked.setdefault(name, []).append(text)
        if reason := self.away(name):
            raise RuntimeError(reason)
        return self.run_ssh(self.get_command(command, *args))

    def ask(self, site: Site) -> Answers:
        """All that is foreseen, at once; nothing where that fails, so that each asks for itself."""
        if self.away(self.host.name):
            return {}
        commands = questions(site)
        script = f"COMMANDS = {[self.get_command(each) for each in commands]!r}\n{ASK}"
        way, values = self._build_ssh_command("python3 -")
        try:
            done = subprocess.run(
                self.quote(" ".join(way), *values), shell=True, input=script.encode(),
                capture_output=True, check=False, timeout=SECONDS,
            )  # fmt: skip
            found = json.loads(zlib.decompress(base64.b64decode(done.stdout)))
        except (OSError, ValueError, zlib.error, subprocess.SubprocessError):
            return {}
        pairs = zip(commands, found, strict=True)
        return {each: (code, *map(base64.b64decode, texts)) for each, (code, *texts) in pairs}


def questions(site: Site) -> list[str]:
    """The commands that are foreseen for a site."""
    found = json.loads(QUESTIONS.read_text()) if QUESTIONS.exists() else []
    return [_replaced(each, {mark: value for value, mark in _own(site).items()}) for each in found]


def foresee(site: Site, *runs: Iterable[str]) -> None:
    """Keep what was asked in each of some verifications: what only one asks is of that moment."""
    common = set.intersection(*map(set, runs))
    kept = {_replaced(each, _own(site)) for each in common if not OF_ONE_HOST.search(each)}
    QUESTIONS.write_text(json.dumps(sorted(kept), indent=0, ensure_ascii=False) + "\n")


def _own(site: Site) -> dict[str, str]:
    """A site's values in commands, each with the mark that stands for it."""
    return {
        str(site.callback_domain): "@callback_domain@",
        str(site.domain): "@domain@",
        f"127.0.0.1:{site.one_api_port}/": "@one_api@",
    }


def _replaced(text: str, values: Mapping[str, str]) -> str:
    for value, mark in values.items():
        text = text.replace(value, mark)
    return text
