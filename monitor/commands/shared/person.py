"""Who gives a command: whoever may open the store may do everything, under a name that goes on record."""

from __future__ import annotations

import getpass

import click

from alerting.handling.actions import Person, Role, Via, parse_actor
from monitor.commands.shared.options import F
from monitor.errors import UsageError


def by_option(command: F) -> F:
    """--by, the name that goes on record."""
    text = "Name that goes on record; by default the account's."
    return click.option("--by", default="", metavar="NAME", help=text)(command)


def person_here(by: str) -> Person:
    """The person at this terminal; UsageError for a name that cannot go on record, or an account without one."""
    try:
        name = by or getpass.getuser()
    except (OSError, KeyError):
        raise UsageError("this account has no name; give one by --by NAME") from None
    return Person(parse_actor(name), Role.ADMIN, Via.CLI)
