"""What a command prints: tables and JSON on stdout, a progress bar on stderr where that is a terminal."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars
from rich.table import Table
from rich.text import Text

from edgekit.cli.options import one_line
from edgekit.plain import plain
from edgekit.progress import Progress, silent

#: Where stdout is not a terminal, nothing is cut or wrapped.
PIPE_WIDTH = 1000
#: A cell that is aligned to the right: 7, 11,792, +0.21%, 1e-05, or a dash where there is no number.
_NUMBER = re.compile(r"([+-]?[\d.,]+(e[+-]?\d+)?%?|[–-])\Z")


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """Give a Progress that draws on stderr; a silent one where stderr is not a terminal."""
    if not sys.stderr.isatty():
        yield silent
        return
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Bars(*columns, console=Console(stderr=True, markup=False), transient=True) as bars:
        tasks: dict[str, Any] = {}

        def report(what: str, done: int, total: int) -> None:
            if what not in tasks:
                for task in tasks.values():  # one line at a time: the last thing is done
                    bars.update(task, visible=False)
                tasks[what] = bars.add_task(one_line(what))
            bars.update(tasks[what], completed=done, total=total or None, visible=True)

        yield report


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table on stdout; numbers are aligned to the right, cells are never read as markup."""
    grid = Table(title=Text(one_line(title)), title_justify="left")
    for index, name in enumerate(columns):
        right = bool(rows) and all(_NUMBER.match(str(row[index])) for row in rows)
        grid.add_column(Text(name), justify="right" if right else "left")
    for row in rows:
        grid.add_row(*(Text(one_line(str(cell))) for cell in row))
    width = None if sys.stdout.isatty() else PIPE_WIDTH
    console = Console(file=sys.stdout, width=width, markup=False, highlight=False, emoji=False)
    # Captured, because Console would end the process with code 1 where the reader of stdout has gone away.
    with console.capture() as drawn:
        console.print(grid)
    click.echo(drawn.get(), nl=False)


def emit_json(value: Any) -> None:
    """Print a value (frozen dataclasses welcome) as the one JSON document on stdout, in ASCII."""
    click.echo(json.dumps(plain(value), indent=1, allow_nan=False))
