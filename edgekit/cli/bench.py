"""edgekit bench: a group; without the name of a part it is `edgekit bench run`."""

from __future__ import annotations

from collections.abc import Mapping

import click

from edgekit.cli import Commands

#: part: (module, help)
PARTS: Mapping[str, tuple[str, str]] = {
    "run": ("edgekit.cli.bench_run", "Measure a bundle on devices, and judge it against another."),
    "report": ("edgekit.cli.bench_report", "Write what the history says: a page, JUnit XML, Markdown, MLflow."),
}


class Parts(Commands):
    """The parts of `bench`; what follows `bench` and names none of them is a bundle or an option of `run`."""

    @property
    def rows(self) -> Mapping[str, tuple[str, str]]:
        return PARTS

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put `run` where no part is named; a bundle in a folder of a part's name is written ./serve."""
        if args and args[0] not in PARTS and args[0] not in ("-h", "--help"):
            args = ["run", *args]
        return super().parse_args(ctx, args)


@click.group("bench", cls=Parts)
def command() -> None:
    """Measure a bundle where it runs, and judge it against another."""
