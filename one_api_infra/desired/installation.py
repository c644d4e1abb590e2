"""What takes long on a blank server, side by side: Debian's packages and the virtual environment.

A transient unit does it while the run goes on with what needs neither: a run that is cut off lets
it come to its end.
"""

import shlex
from collections.abc import Sequence

from one_api_infra.desired import changes, firewall, manifest, nginx, system, watchdog
from one_api_infra.desired.site import Site
from one_api_infra.desired.snapshot import Snapshot
from one_api_infra.shared import paths, units

# What pip needs, and One API and its firewall, which begin to serve beside it.
FIRST = ("ca-certificates", "iproute2", "nftables", "python3", "python3-venv", "tzdata")
# What the certificate needs beside the virtual environment; it is obtained beside the rest.
SERVING = ("certbot", "libnginx-mod-http-js", "logrotate", "nginx")
BARE = f"{paths.AGENT}/venv-bare"  # without a package: enough for the agent's first commands
# Translated descriptions are a third of what a first update brings; the next one brings them.
UNTRANSLATED = "-o Acquire::Languages=none"
STEP = 'step() { local name=$1 begin code; shift; begin=$(date +%s.%N); "$@"; code=$?;'
STEP += f' [ $code != 0 ] || echo "$begin $(date +%s.%N) $name" >>{system.INSTALLATION_STEPS};'
STEP += " return $code; }"
PYTHON, NGINX = "apt-get install python3", "apt-get install nginx"
CERTBOT, ENVIRONMENT = "pip install certbot", "virtual environment"
WAIT = """
unit={unit}
while {also} case $(systemctl show --property=ActiveState --value $unit) in
    active|activating) true ;; *) false ;;
esac do sleep 0.1; done
systemctl is-failed --quiet $unit || exit 0
journalctl --unit=$unit --output=cat --lines=40 --no-pager >&2
systemctl reset-failed $unit
exit 1
"""


def packages(site: Site, snapshot: Snapshot) -> tuple[str, ...]:
    """All packages that any deploy of the site asks for and the server lacks."""
    named = (*system.packages(site, snapshot), *manifest.packages(site), *watchdog.packages(site))
    return tuple(name for name in dict.fromkeys(named) if name not in snapshot.packages)


def is_due(site: Site, snapshot: Snapshot) -> bool:
    """Whether both are lacking, and nobody is about it.

    Without Python's package no environment is whole, also where its program still starts.
    """
    is_whole = system.venv_is_complete(site, snapshot) and "python3" in snapshot.packages
    if is_whole or snapshot.is_active(units.INSTALLATION):
        return False
    return bool(packages(site, snapshot))


def script(site: Site, snapshot: Snapshot) -> str:
    """The command that begins it."""
    lacking = packages(site, snapshot)
    first = [name for name in FIRST if name in lacking]
    serving = [name for name in SERVING if name in lacking]
    rest = [name for name in lacking if name not in {*first, *serving}]
    lines = [
        STEP,
        changes.FINISH,
        "step 'apt-get update' update || exit",
        _install(PYTHON, first, "|| exit"),
        firewall.track_script(),
        f"[ -e {system.VENV} ] || {{ python3 -m venv --without-pip {BARE} &&"
        f" ln -s {BARE} {system.VENV}; }}",
        f"python3 {paths.ZIPAPP} compile & step '{ENVIRONMENT}' environment & made=$!; code=0",
        f"[ ! -e {nginx.INCLUDES[0]} ] || {{ {nginx.njs_script()}; }}",
        _install(NGINX, serving, "|| code=$?"),
        _install("apt-get install", rest, "|| code=$?"),
        "wait $made && exit $code",
    ]
    # Debian's certbot comes beside nginx, and needs none.
    early = CERTBOT if site.certbot == "venv" else ""
    functions = [
        f"update() {{ {changes.update(UNTRANSLATED)}; }}",
        # nginx is what the certificate waits for longest.
        f"environment() ( renice 10 $BASHPID >/dev/null; {system.venv_script(site, early)} )",
    ]
    command = shlex.quote("\n".join([*functions, *lines]))
    unit = f"--unit={units.INSTALLATION} --description='Packages and virtual environment'"
    return (
        f"rm -f {system.INSTALLATION_STEPS}; systemctl reset-failed {units.INSTALLATION}"
        " 2>/dev/null;"
        f" systemd-run --quiet {unit} --setenv=LC_ALL=C.UTF-8 /bin/bash -c {command}"
    )


def _install(step: str, names: Sequence[str], otherwise: str) -> str:
    """The line of one step; one without packages is done."""
    return f"step '{step}' {changes.install(names) if names else 'true'} {otherwise}"


def first_script() -> str:
    """The command that waits until the agent's first commands can run."""
    return _wait_for(f"[ -x {paths.PYTHON} ]", _is_done(PYTHON))  # a former one may be broken


def serving_script() -> str:
    """The command that waits until the site can be served: nginx, and what obtains certificates."""
    return _wait_for(_is_done(NGINX), f"{{ {_is_done(CERTBOT)} || {_is_done(ENVIRONMENT)}; }}")


def wait_script() -> str:
    """The command that waits for its end; its last words where it failed."""
    return WAIT.format(unit=units.INSTALLATION, also="")


def _is_done(step: str) -> str:
    return f"grep -q ' {step}$' {system.INSTALLATION_STEPS}"


def _wait_for(*conditions: str) -> str:
    done = " && ".join(conditions)
    return WAIT.format(unit=units.INSTALLATION, also=f"! {{ {done}; }} 2>/dev/null &&")
