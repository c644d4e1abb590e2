"""Takes a lab down when the process that owns it is gone, even if it was killed.

Run as ``python -m one_api_infra.lab.reaper OWNER_PID LAB``.
"""

import os
import select
import sys

from one_api_infra.lab.lab import Lab


def main() -> None:
    """Wait for the owner's end, then remove the lab."""
    owner, name = int(sys.argv[1]), sys.argv[2]
    try:
        handle = os.pidfd_open(owner)
    except ProcessLookupError:
        Lab(name).down(keep_reaper=True)
        return
    poller = select.poll()
    poller.register(handle, select.POLLIN)
    poller.poll()
    Lab(name).down(keep_reaper=True)


if __name__ == "__main__":
    main()
