"""Callbacks seen as they come, by the command."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from one_api_infra.lab.gateway import Gateway
from one_api_infra.lab.process import wait_until
from tests.lab import ledgers, payments
from tests.lab.sites import ROOT, LabSite
from tests.lab.test_status import COMMAND

LEFT = "pgrep -fc 'pyz [c]allbacks-follow' || true"


@contextmanager
def followed(site: LabSite) -> Iterator["subprocess.Popen[str]"]:
    """The command, which goes on until it is ended."""
    site.inventory()
    command = [COMMAND[0], "callbacks", "--follow", "--json"]
    with subprocess.Popen(
        command, cwd=ROOT, env=site.environment(), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stderr
        assert "watching" in process.stderr.readline()
        yield process
        process.terminate()


def said(site: LabSite, *options: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [COMMAND[0], "callbacks", *options], cwd=ROOT, env=site.environment(), check=False,
        capture_output=True, text=True,
    )  # fmt: skip


@pytest.mark.long
def test_each_is_shown_as_it_comes(site: LabSite, gateway: Gateway) -> None:
    payments.add_payment(site, gateway)
    paid, forged = (payments.create_order(site, gateway) for _number in range(2))
    with followed(site) as process:
        site.notified(gateway, paid["notify_url"], paid)
        site.notified(Gateway(gateway.roots, key="guessed"), forged["notify_url"], forged)
        assert process.stdout
        lines = [process.stdout.readline() for _number in range(2)]
    first, second = map(json.loads, lines)
    assert [first["number"], second["number"]] == [paid["out_trade_no"], forged["out_trade_no"]]
    assert [first["is_genuine"], second["is_genuine"]] == [True, False]
    assert [first["is_accepted"], second["is_accepted"]] == [True, False]
    assert "sign" not in lines[0]
    wait_until(lambda: site.host.ssh(LEFT) == "0\n", 30, "its end on the server")
    shown = said(site)
    assert shown.returncode == 0, shown.stderr
    assert "signature right, taken" in shown.stdout
    assert "signature WRONG, NOT taken: HTTP 200 fail" in shown.stdout
    ledgers.run(site)
    assert said(site, "--replay", second["id"]).returncode == 1
    credited = said(site, "--replay", first["id"])
    assert credited.returncode == 1
    assert "no longer pending" in credited.stderr
