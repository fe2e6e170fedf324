"""The commands about people who may answer alerts on the pages."""

from __future__ import annotations

import click

from alerting.handling.actions import Role


@click.group()
def people() -> None:
    """Who may answer alerts on the pages and by the API: the file `server.people_file`."""


@people.command("token")
@click.argument("name")
@click.argument("role", type=click.Choice([role.value for role in Role]))
def people_token(name: str, role: str) -> None:
    """Make a token for a person and print it once, with the line for the file of people, which holds only its digest.

    Example: gatewatch people token ann engineer
    """
    from alerting.handling.people import line_of, new_token, parse
    from monitor.errors import UsageError

    token = new_token()
    line = line_of(name, Role(role), token)
    if parse(line).problems or name.startswith("#"):
        raise UsageError(f"name {name[:63]!r}: expected 1 to 63 printable characters without blanks or '#'")
    click.echo(f"token for {name}, shown only now: {token}")
    click.echo(f"line for server.people_file: {line}")
