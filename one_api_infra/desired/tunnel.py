"""Tunnels on the server: users who can only forward, sshd's rules for them, their certificates."""

from one_api_infra.desired import render
from one_api_infra.desired.resources import Concern, Directory, File, SnapshotSpec
from one_api_infra.desired.site import Site
from one_api_infra.desired.snapshot import Snapshot
from one_api_infra.shared import intervals, paths, tunnel, units
from one_api_infra.shared.certificate import Certificate
from one_api_infra.shared.tunnel import Tunnel

USER = "one-api-tunnel"
NGINX_GROUP = "www-data"
SSH = "ssh.service"
# sshd keeps what it read at its start: its time and sum, as they were then.
SSH_SUM = f"{{ stat -c %Y {paths.TUNNEL_SSH}; sha256sum <{paths.TUNNEL_SSH}; }}"
OPTIONS = "restrict,port-forwarding"


def users(site: Site) -> tuple[str, ...]:
    """One for each tunnel, and the one who sends again what came while a developer was away."""
    return (USER, *(each.user for each in site.tunnels)) if site.tunnels else ()


def directories(site: Site) -> tuple[Directory, ...]:
    """sshd's ChrootDirectory must be root's alone; in it the user may make sockets."""
    if not site.tunnels:
        return ()
    own = (Directory(paths.TUNNELS), Directory(paths.TUNNEL_KEYS))
    folders = (Directory(each.folder) for each in site.tunnels)
    sockets = (Directory(each.sockets, "2750", each.user, NGINX_GROUP) for each in site.tunnels)
    return (*own, *folders, *sockets)


def files(site: Site) -> tuple[File, ...]:
    """Keys, sshd's rules and units; none where there is no tunnel."""
    if not site.tunnels:
        return ()
    logs = paths.CALLBACK_LOG.rpartition("/")[0]
    return (
        *(File(each.key_file, f"{OPTIONS} {each.key}\n".encode()) for each in site.tunnels),
        render.file(
            paths.TUNNEL_SSH, prefix=tunnel.PREFIX, keys=paths.TUNNEL_KEYS, folder=paths.TUNNELS
        ),
        render.file(
            units.path(units.TUNNEL), user=USER, group=NGINX_GROUP, logs=logs,
            state=paths.TUNNEL_STATE.rpartition("/")[2], send=paths.agent("tunnel-send"),
        ),
        render.file(units.path(units.TUNNEL_TIMER), seconds=intervals.CALLBACKS),
    )  # fmt: skip


def load_ssh_script() -> str:
    """Let sshd read its rules; those that it refuses are taken away: the next start would fail."""
    refused = f"{{ rm -f {paths.TUNNEL_SSH}; exit 1; }}"
    # sshd itself makes this folder only when it starts, and its test wants it.
    load = f"mkdir -p /run/sshd && sshd -t || {refused}"
    return f"{load}; systemctl reload {SSH} && {SSH_SUM} >{paths.TUNNEL_SSH_LOADED}"


def is_ssh_stale(snapshot: Snapshot) -> bool:
    """Whether sshd has not read the rules that are on disk."""
    return snapshot.probe("tunnel_ssh") != "loaded"


def lineage(each: Tunnel, snapshot: Snapshot) -> Certificate | None:
    """A tunnel's certificate, if it can be served."""
    now = float(snapshot.probe("time") or 0)
    return next(
        (
            found
            for found in snapshot.state().certificates
            if found.name == each.lineage and found.is_valid(now) and found.covers([each.domain])
        ),
        None,
    )


def lacks_certificate(site: Site, snapshot: Snapshot) -> bool:
    """Whether a tunnel's certificate is still to be obtained, or is another than is wanted."""
    due = snapshot.state().due_tunnels
    return any(lineage(each, snapshot) is None or each.lineage in due for each in site.tunnels)


def has_replaced_keys(site: Site, snapshot: Snapshot) -> bool:
    """Whether a key was replaced, and what the one of before has opened not ended."""
    return bool(set(snapshot.probe("tunnel_keys").split()).intersection(users(site)))


def is_left(site: Site, snapshot: Snapshot) -> bool:
    """Whether something of a tunnel is there that is not wanted."""
    there = set(snapshot.probe("tunnels").split())
    names = {each.name for each in snapshot.state().certificates}  # a move brings them along
    there |= {name for name in names if name.startswith(tunnel.PREFIX)}
    return bool(there - set(users(site)))


def concern(site: Site) -> Concern:
    """The tunnels' part."""
    there = f"getent passwd | grep -o '^{USER}[^:]*'; ls {paths.TUNNELS} 2>/dev/null; :"
    ended = paths.TUNNEL_KEYS_ENDED
    keys = f'cd {paths.TUNNEL_KEYS} && for u in *; do cmp -s "$u" {ended}/"$u" || echo "$u"; done'
    loaded = f'[ "$({SSH_SUM})" = "$(cat {paths.TUNNEL_SSH_LOADED})" ] && echo loaded'
    return Concern(
        files=files(site),
        directories=directories(site),
        units=(units.TUNNEL_TIMER,) if site.tunnels else (),
        users=users(site),
        beside=SnapshotSpec(
            users=(USER,),
            units=(SSH,),
            probes={"tunnels": there, "tunnel_ssh": loaded, "tunnel_keys": keys},
        ),
    )
