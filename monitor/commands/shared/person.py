"""Who gives a command: whoever may open the store may do everything, under a name that goes on record."""

from __future__ import annotations

import getpass
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from monitor.errors import UsageError

if TYPE_CHECKING:
    from alerting.handling.actions import Person

F = TypeVar("F", bound=Callable[..., Any])


def by_option(command: F) -> F:
    """--by, the name that goes on record."""
    text = "Name that goes on record; by default the account's."
    return click.option("--by", default="", metavar="NAME", help=text)(command)


def person_here(by: str) -> Person:
    """The person at this terminal; UsageError for a name that cannot go on record, or an account without one."""
    from alerting.handling.actions import Person, Role, Via, parse_actor

    try:
        name = by or getpass.getuser()
    except (OSError, KeyError):
        raise UsageError("this account has no name; give one by --by NAME") from None
    return Person(parse_actor(name), Role.ADMIN, Via.CLI)
