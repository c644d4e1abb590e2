"""``one-api-infra completion``: what a shell needs to complete the commands."""

import click
from click.shell_completion import BashComplete, FishComplete, ZshComplete

PROGRAM, VARIABLE = "one-api-infra", "_ONE_API_INFRA_COMPLETE"


SHELLS = {"bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete}


@click.command()
@click.argument("shell", type=click.Choice(list(SHELLS)))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the completion of SHELL: `eval "$(one-api-infra completion bash)"`."""
    found = SHELLS[shell](context.find_root().command, {}, PROGRAM, VARIABLE)
    click.echo(found.source())
