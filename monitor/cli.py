"""The command line. Heavy libraries are imported by the commands that need them."""

from __future__ import annotations

import gc
import importlib
import logging
import os
import pkgutil
import sys
from collections.abc import Iterator

import click

from monitor import __version__, commands
from monitor.commands import alarms, files, plants
from monitor.errors import MonitorError
from monitor.files import make_private

# Turn off the telemetry of libraries.
os.environ.setdefault("DO_NOT_TRACK", "1")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")

# Matrices are small here: more threads of a mathematical library wait for each other, and a training takes three times
# as long. Children inherit it.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# A batch makes thousands of objects and no cycles: looking for cycles at every 700 takes 7 % of a replay's time.
OBJECTS_BEFORE_COLLECTION = 20_000

_PUBLIC = ("dashboards",)
"""Commands that write files for other users, such as Grafana's; whatever others write is for the owner alone."""


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="gatewatch")
@click.option("--verbose", "-v", is_flag=True, help="Also log normal operation, not only problems.")
@click.pass_context
def cli(context: click.Context, verbose: bool) -> None:
    """Run the check gates of a line, monitor its machines and models, and notify the people concerned.

    Exit codes: 0 success (findings included, unless --fail-on-finding), 2 usage error, 3 failure.
    """
    if context.invoked_subcommand not in _PUBLIC:
        make_private()
    gc.set_threshold(OBJECTS_BEFORE_COLLECTION)
    level = logging.INFO if verbose else logging.WARNING
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr, force=True)
    for chatty in ("alembic", "apscheduler", "mlflow", "uvicorn"):
        logging.getLogger(chatty).setLevel(logging.ERROR)


def _commands() -> Iterator[click.Command]:
    """The top-level commands of every module in `monitor/commands` and the folders below; none is registered."""
    folders = (
        (package, module)
        for package in (commands, alarms, files, plants)
        for module in pkgutil.iter_modules(package.__path__)
    )
    for package, module in folders:
        if module.ispkg:
            continue
        names = vars(importlib.import_module(f"{package.__name__}.{module.name}"))
        defined = [value for value in names.values() if isinstance(value, click.Command)]
        groups = [command for command in defined if isinstance(command, click.Group)]
        subcommands = {id(command) for group in groups for command in group.commands.values()}
        yield from (command for command in defined if id(command) not in subcommands)


for _command in _commands():
    cli.add_command(_command)


def main() -> None:
    """Run the command line; an expected error is printed as one sentence and sets the exit code."""
    try:
        cli(standalone_mode=True)
    except MonitorError as exc:
        for line in str(exc).splitlines():
            click.echo(f"gatewatch: {line}", err=True)
        sys.exit(exc.exit_code)
    except OSError as exc:
        click.echo(f"gatewatch: {exc.filename or 'a file'}: {exc.strerror or exc}", err=True)
        sys.exit(3)


if __name__ == "__main__":
    main()
