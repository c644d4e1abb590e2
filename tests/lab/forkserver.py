"""Python programs as forks of a process that has imported their libraries already.

Importing pyinfra and pytest anew was a third of all processor time of the lab's tests. Nothing
of this project is imported before the fork: it depends on the environment, such as the language.
"""

import contextlib
import functools
import gc
import importlib
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from os import fork, waitpid  # bound before gevent replaces them by its own
from pathlib import Path

ROOT = Path(__file__).parents[2]
BOTH = ("OpenSSL", "cryptography.x509", "dns.message", "dns.resolver", "encodings.idna", "jinja2")
# pyinfra replaces Python's sockets by gevent's: first, and not where pytest is.
LIBRARIES = {"pyinfra": ("pyinfra_cli.main", *BOTH), "pytest": ("pytest", *BOTH)}
LONGEST = 1 << 20  # bytes of a request


def run(
    module: str, *arguments: str, cwd: Path, environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """What ``python -m module arguments`` comes to."""
    request = json.dumps([module, arguments, str(cwd), dict(environment)]).encode()
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        ended, ends = os.pipe()
        with os.fdopen(ended) as status, Path(os.devnull).open() as nothing:
            descriptors = [nothing.fileno(), out.fileno(), err.fileno(), ends]
            socket.send_fds(_server(module), [request], descriptors)
            os.close(ends)
            program = int(status.readline())
            try:
                code = os.waitstatus_to_exitcode(int(status.readline()))
            except BaseException:  # a test that takes too long: its program ends with it
                os.kill(program, signal.SIGKILL)
                raise
        out.seek(0)
        err.seek(0)
        said = out.read().decode(), err.read().decode()
    return subprocess.CompletedProcess([module, *arguments], code, *said)


@functools.cache
def _server(module: str) -> socket.socket:
    """The way to the server of a module's programs; it ends with this process."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    command = [sys.executable, "-m", __name__, module, str(theirs.fileno())]
    subprocess.Popen(command, cwd=ROOT, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL)
    theirs.close()
    return ours


def serve(requests: socket.socket) -> tuple[str, list[str]] | None:
    """Fork for each request: None in the server, at its end; the program to run in a fork."""
    while True:
        request, descriptors, _flags, _address = socket.recv_fds(requests, LONGEST, 4)
        if not request:
            return None
        if fork() == 0 and _is_program(descriptors[3]):
            requests.close()
            return _prepare(request, descriptors[:3])
        for each in descriptors:
            os.close(each)
        with contextlib.suppress(ChildProcessError):
            while waitpid(-1, os.WNOHANG)[0]:
                pass


def _is_program(ends: int) -> bool:
    """True in one more fork; this one tells its number and, when it ends, its status."""
    program = fork()
    if program == 0:
        os.close(ends)
        return True
    os.write(ends, f"{program}\n".encode())
    status = waitpid(program, 0)[1]
    with contextlib.suppress(BrokenPipeError):  # who asked is no more
        os.write(ends, f"{status}\n".encode())
    os._exit(0)


def _prepare(request: bytes, descriptors: list[int]) -> tuple[str, list[str]]:
    module, arguments, cwd, environment = json.loads(request)
    for target, each in enumerate(descriptors):
        os.dup2(each, target)
        os.close(each)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    return module, arguments


if __name__ == "__main__":
    way = socket.socket(fileno=int(sys.argv[2]))
    for library in LIBRARIES[sys.argv[1]]:
        importlib.import_module(library)
    gc.freeze()
    if program := serve(way):
        sys.argv = ["", *program[1]]
        runpy.run_module(program[0], run_name="__main__", alter_sys=True)
