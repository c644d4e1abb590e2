"""The commands of the package on the server: ``python one-api-infra.pyz COMMAND``."""

import os
import sys
from importlib import import_module

from one_api_infra.server import as_callbacks_user
from one_api_infra.server.local import CommandError, locked, named
from one_api_infra.shared import foreign, paths
from one_api_infra.shared.editions.api import ApiError

# Imported when asked for: a virtual environment of before lacks what only a new command needs.
COMMANDS = {
    "state": "state.show",
    "compile": "bytecode.make",
    "generate": "one_api.generate",
    "activate": "upgrade.activate",
    "upgrade": "upgrade.carry_out",
    "upgrade-plan": "upgrade_plan.show",
    "upgrade-cuts": "upgrade_plan.show_cuts",
    "upgrade-watch": "upgrade_watch.watch",
    "rollback": "rollback.roll_back",
    "rollback-plan": "rollback.plan",
    "claim": "one_api.claim",
    "nginx": "nginx.apply",
    "obtain": "certbot.obtain",
    "obtain-tunnels": "certbot.obtain_tunnels",
    "remove-obsolete": "certbot.remove_obsolete",
    "deploy-hook": "certbot.deploy_hook",
    "renew": "certbot.renew",
    "rehearse": "rehearsal.rehearse",
    "former-domains": "former_domains.let_go",
    "remove": "remove.remove",
    "adopt": "adoption.adopt",
    "adopt-back": "adoption.back",
    "move-copy": "move.copy",
    "move-switch": "move.switch",
    "move-settle": "move.settle",
    "move-drain": "move.drain",
    "move-finish": "move.finish",
    "move-show": "move.show",
    "move-receive": "move_arrival.receive",
    "move-hold": "move_changes.hold",
    "move-let-go": "move_changes.let_go",
    "move-changes": "move_changes.leave",
    "move-merge": "move_changes.merge",
    "move-forget": "move_changes.forget",
    "callback-domain": "callback_domain.apply",
    "observe": "observe.show",
    "observe-keep": "observe.keep",
    "monitor-look": "monitor.look",
    "monitor-judge": "monitor.judge",
    "callbacks": "callback_service.run",
    "callbacks-show": "callbacks_follow.show",
    "callbacks-follow": "callbacks_follow.follow",
    "callbacks-replay": "callbacks_follow.replay",
    "test-payment": "test_payment.run",
    "tunnel-send": "tunnel.send",
    "tunnel-remove": "tunnel.remove_others",
    "tunnel-end": "tunnel.end_connections",
    "database": "database.look",
    "database-journal": "database.journal",
    "schema": "schema.show",
    "dump": "dump.dump",
    "backup": "backup.run",
    "backup-now": "backup.now",
    "journal": "journal.send",
    "prune": "backup.prune",
    "drill": "drill.run",
    "stream-store": "stream.store",
    "stream-drill": "stream.drill",
    "snapshots": "restore.snapshots",
    "restore-plan": "restore.plan",
    "restore": "restore.restore",
    "rebuild": "restore.rebuild",
    "callbacks-remove": "remove.callbacks",
    "order": "order.show",
    "order-done": "order.done",
    "order-send": "order.send",
    "report": "report.show",
}
# These change nothing of the site, or are called by a command that holds the lock.
UNLOCKED = {
    "tunnel-send",
    "upgrade",  # it holds the lock where it changes something
    *("state", "deploy-hook", "observe", "observe-keep", "monitor-look", "monitor-judge"),
    *("callbacks-show", "callbacks-follow", "callbacks-replay", "test-payment"),
    *(
        "callbacks",
        "database",
        "database-journal",
        "schema",
        "rehearse",
        "order",
        "order-done",
        "order-send",
    ),
    *(
        "report",
        "dump",
        "backup",
        "drill",
        "journal",
        "stream-store",
        "stream-drill",
        "snapshots",
        "restore-plan",
        "rollback-plan",
        "upgrade-plan",
        "upgrade-cuts",
        "upgrade-watch",
        "backup-now",
    ),
    *("move-copy", "move-drain", "move-show", "move-receive", "move-hold", "move-let-go"),
    *("move-changes", "move-merge", "move-forget"),
}
# Of the callbacks' user's own files, which are not root's to open.
AS_CALLBACKS_USER = {
    *("order", "order-done", "order-send", "report"),
    *("callbacks-show", "callbacks-follow", "callbacks-replay", "test-payment"),
}


def main() -> None:
    """Run one command; its failure is a message on standard error and exit code 1.

    One command at a time: the one of a run that was killed may still be at work.
    """
    if sys.argv[1] in UNLOCKED:
        _run()
        return
    os.umask(0o022)  # nginx and One API read what is made here, whatever root's own umask is
    with locked():
        _run()
    if path := os.environ.get(paths.STATE_LEFT):
        import_module("one_api_infra.server.state").leave(path)


def _run() -> None:
    module, function = COMMANDS[sys.argv[1]].split(".")
    try:
        if sys.argv[1] in AS_CALLBACKS_USER and os.geteuid() == 0:
            as_callbacks_user.replace(sys.argv[1], sys.argv[2:])
        getattr(import_module(f"one_api_infra.server.{module}"), function)(*sys.argv[2:])
    except (CommandError, ApiError) as error:
        print(foreign.printable(named(str(error))), file=sys.stderr)
        raise SystemExit(1) from None
