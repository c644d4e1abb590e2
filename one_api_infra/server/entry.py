"""Where the package starts on a server: from its bytecode, if the deploy has left that beside it.

Python keeps no bytecode for a zip, and to compile the sources takes the half of a short run. The
name of the file says of which program, for which Python, and of what bytes it is: one of another,
or one that was cut, is passed over. ``__main__`` of the zip is this file.
"""

import os
import sys
import zlib

TAG = str(sys.implementation.cache_tag)


def checksum(data: bytes) -> str:
    """CRC-32 as eight hexadecimal digits: against accidents; the folder is root's."""
    return f"{zlib.crc32(data):08x}"


def stem(program: str) -> str:
    """What the names of its bytecode begin with, but for the Python."""
    folder, _slash, name = program.rpartition("/")
    with open(program, "rb") as stream:  # noqa: PTH123  # pathlib takes as long as all of this
        return f"{folder}/{name.removesuffix('.pyz')}.{checksum(stream.read())}"


def bytecode(program: str) -> str:
    """The path of a program's bytecode for this Python; empty where there is none that is whole."""
    begin = f"{stem(program)}.{TAG}."
    folder = begin.rpartition("/")[0]
    try:
        found = [f"{folder}/{name}" for name in os.listdir(folder)]  # noqa: PTH208
        return next((path for path in found if path.startswith(begin) and _is_whole(path)), "")
    except OSError:  # a deploy may just be replacing it
        return ""


def _is_whole(path: str) -> bool:
    with open(path, "rb") as stream:  # noqa: PTH123
        return path.endswith(f".{checksum(stream.read())}.pyz")


if __name__ == "__main__":
    if found := bytecode(os.path.abspath(sys.argv[0])):  # noqa: PTH100
        sys.path.insert(0, found)
    from one_api_infra.server.main import main

    main()
