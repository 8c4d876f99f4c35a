"""Options that commands share, and text that is safe on a terminal. Imports click only: `--help` waits for it."""

from __future__ import annotations

from pathlib import Path

import click

#: A path as the user typed it; whether it exists is the stage's question, so that its sentence is used.
PATH = click.Path(path_type=Path)

#: Passes `as_json` to the command.
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
#: Passes `config_file` to the command, for config.find_config.
config_option = click.option(
    "--config", "config_file", type=PATH, metavar="FILE", help="Settings to use instead of ./edgekit.toml."
)


def one_line(text: str) -> str:
    """Return a text on one line, with everything that could steer a terminal written as an escape."""
    joined = " ".join(text.split("\n")) if "\n" in text else text
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in joined).strip()
