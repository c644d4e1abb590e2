"""Level 0: whether the server itself was asked, and answered: most checks stand on that."""

from one_api_infra.checks.observation import Observation
from one_api_infra.checks.verdict import Check, Fault, Finding, Found, Level, Skip
from one_api_infra.shared import plain
from one_api_infra.shared.plain import PlainError, ShapeError
from one_api_infra.shared.server_observation import Server
from one_api_infra.shared.texts import N_, _
from one_api_infra.shared.unobserved import Unobserved

ID = "system.agent"
LOOK = "system.look"
DEPLOY = N_("`pyinfra inventory.py deploys/site.py` on your own machine writes it anew")


def parse(output: str, error: str) -> Server | Unobserved:
    """What ``observe`` printed; ``error`` is what went wrong in asking, empty if nothing did."""
    if not error:
        try:
            return plain.read(Server, output)
        except ShapeError:
            return Unobserved("", "older")
        except PlainError as failure:
            return Unobserved(str(failure), "garbled")
    if "sudo:" in error:
        return Unobserved(error, "sudo")
    return Unobserved(error, "unreachable" if _is_of_ssh(error) else "silent")


def _is_of_ssh(error: str) -> bool:
    """Whether ssh itself says it: the command was not run."""
    words = ("ssh:", "Permission denied", "Host key", "Connection", "no answer by ssh", "kex_")
    return any(word in error for word in words)


def _agent(observation: Observation) -> Finding:
    if isinstance(observation.server, Server):
        return None
    if observation.server.fault == "outside":
        return Skip(_("this is a look from outside"))
    return Found(
        observation.server.fault, observation.server.unseen, {"error": observation.server.unseen}
    )


def _look(observation: Observation) -> Finding:
    error = observation.outside_error
    return Found("blind", error, {"error": error}) if error else None


CHECKS = (
    Check(
        ID,
        Level.HOST,
        N_("The agent tells the server's state"),
        {
            "wrong": Fault(
                N_("the agent does not tell the server's state; it says: {words}"),
                N_("run it by hand on the server: `{command}`"),
            ),
            "unreachable": Fault(
                N_("the server cannot be asked by ssh: {error}"),
                N_(
                    "let `ssh` from this machine work without a question: the key, the address and"
                    " the port of the host in the inventory"
                ),
            ),
            "sudo": Fault(
                N_("the server does not let us become root: {error}"),
                N_("give its password: `export ONE_API_INFRA_SUDO_PASSWORD=PASSWORD`"),
            ),
            "silent": Fault(N_("the agent on the server cannot run: {error}"), DEPLOY),
            "garbled": Fault(
                N_("the agent on the server says what it should not: {error}"), DEPLOY
            ),
            "older": Fault(N_("the agent on the server is of another version"), DEPLOY),
            "unobserved": Fault(
                N_("nothing was seen of the server itself: one-api-observe.service left nothing"),
                N_("`systemctl start one-api-observe`, then read `journalctl -u one-api-observe`"),
            ),
        },
        _agent,
    ),
    Check(
        LOOK,
        Level.HOST,
        N_("The monitor sees the site from the network"),
        {
            "blind": Fault(
                N_("nothing was seen from the network: {error}"),
                N_("`systemctl start one-api-look`, then read `journalctl -u one-api-look`"),
            )
        },
        _look,
    ),
)
