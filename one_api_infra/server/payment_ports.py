"""Instances that take no payments: the firewall refuses nginx, and the gateway calls again.

An old worker of nginx knows the port of before. A callback that it was still reading when nginx
went over would reach the instance of before, and the same order's next one the other.
"""

from one_api_infra.server.local import run

SET = "inet one_api_infra no_payments"


def close(port: int) -> None:
    """From now on no payment begins there; without the firewall's table nothing is refused."""
    _change("add", port)


def reopen(port: int) -> None:
    """Payments may begin there again."""
    _change("delete", port)


def _change(verb: str, port: int) -> None:
    # By systemd: the unit of an upgrade may not change the firewall itself.
    command = ("nft", f"{verb} element {SET} {{ {port} }}")
    run("systemd-run", "--quiet", "--wait", "--collect", *command)
