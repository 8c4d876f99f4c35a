"""The command line: a table of commands, each loaded when it is called, and one place for errors.

A new command is a row of COMMANDS and a module edgekit/cli/NAME.py of this shape (see edgekit/cli/init.py):

    @click.command("inspect")
    @click.argument("model", type=PATH)
    @json_option                                   # every command has it; see edgekit/cli/options.py
    def command(model: Path, as_json: bool) -> int | None:
        '''First line: exactly the help of the row in COMMANDS.'''
        with progress_bar() as progress:           # a bar on stderr, on a terminal only
            found = inspect(model, progress)       # one function of a stage does the work
        if as_json:
            emit_json(found)                       # the one document on stdout
        else:
            table("Operators", ["name", "count"], found.rows)

The callback is called `command`, imports its stage at the top, and decides nothing: it reads options, calls a stage,
prints. Bad input is raised by the stage as an EdgekitError. A command that has printed its answer and says no returns
the exit code (1 or 3) instead of raising, so that stdout keeps to one JSON document.

Exit codes: 0 done, 1 a check or a gate said no, 2 bad input or usage, 3 something is missing here, 70 a bug
(EDGEKIT_DEBUG=1 shows where), 130 interrupted, 141 whoever read the output went away.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import traceback
from collections.abc import Mapping, Sequence

import click

from edgekit import __version__
from edgekit.cli.options import one_line
from edgekit.errors import EdgekitError, InputError, missing_extra

#: command: (module, help)
COMMANDS: Mapping[str, tuple[str, str]] = {
    "init": ("edgekit.cli.init", "Write a commented edgekit.toml."),
    "inspect": ("edgekit.cli.inspect", "Show a model's or a bundle's signature, targets and peak memory."),
    "quantize": ("edgekit.cli.quantize", "Quantize a model, with a report of where accuracy went."),
    "export": ("edgekit.cli.export", "Quantize a model and write a bundle for its targets."),
    "verify": ("edgekit.cli.verify", "Run a bundle's golden rows through every target in its real runtime."),
    "serve": ("edgekit.cli.serve", "Serve a bundle's page, or a local site, on this machine."),
    "gallery": ("edgekit.cli.gallery", "Write one page of all models of a local site, with sizes, errors and speed."),
    "ort-config": ("edgekit.cli.ort_config", "Write what a smaller build of onnxruntime-web needs."),
    "publish": ("edgekit.cli.publish", "Publish a bundle on a hosting site, all at once."),
    "canary": ("edgekit.cli.canary", "Make the canary of a model stable, or end it: a release of one small file."),
    "promote": ("edgekit.cli.promote", "Release to live the very version that a preview channel shows."),
    "releases": (
        "edgekit.cli.releases",
        "List what was released on a site, with each bundle's id, source and metrics.",
    ),
    "rollback": ("edgekit.cli.rollback", "Make an older version of a site live again; nothing is uploaded."),
    "prune": ("edgekit.cli.prune", "Delete old versions that no channel shows."),
    "run": ("edgekit.cli.run", "Walk from new rows to a published bundle; do again only what changed."),
    "check": (
        "edgekit.cli.check",
        "Hold a bundle to [gate]; write the signed report that publish asks for.",
    ),
    "check-data": ("edgekit.cli.check_data", "Look at new rows before training: schema, units, ranges, age."),
    "bench": ("edgekit.cli.bench", "Measure a bundle where it runs, and judge it against another."),
    "sweep": ("edgekit.cli.sweep", "Export and measure every model with every recipe, in parallel."),
    "flutter": ("edgekit.cli.flutter", "Write a Flutter client: a typed Dart package of the model and an app."),
}
#: Packages that are not in the base install: the extra that brings them.
EXTRAS: Mapping[str, str] = {
    "tensorflow": "convert",
    "tensorflowjs": "convert",
    "tf_keras": "convert",
    "ai_edge_litert": "run",
    "playwright": "browser",
    "pyarrow": "data",
    "onnx": "onnx",
    "onnxruntime": "onnx",
    "google": "firebase",
    "requests": "firebase",
    "deflate": "firebase",
    "joblib": "sweep",
    "ray": "ray",
}
BUG, INTERRUPTED, BROKEN_PIPE = 70, 130, 141


class Commands(click.Group):
    """A group that imports a command's module only when that command is called."""

    @property
    def rows(self) -> Mapping[str, tuple[str, str]]:
        """The table that this group reads."""
        return COMMANDS

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the table."""
        return list(self.rows)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command; NotAvailable where that fails for the lack of an extra."""
        if cmd_name not in self.rows:
            return None
        try:
            module = importlib.import_module(self.rows[cmd_name][0])
        except ModuleNotFoundError as error:
            package = (error.name or "").partition(".")[0]
            if package not in EXTRAS:
                raise
            raise missing_extra(f"{ctx.command_path} {cmd_name}", EXTRAS[package]) from None
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the table's help, so that no command is imported for it."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in self.rows.items()])


@click.group(
    cls=Commands,
    epilog="Every command: --help, --json. Settings are read from ./edgekit.toml.",
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name="edgekit", message="%(prog)s %(version)s")
def edgekit() -> None:
    """Make a trained model small, and verify it where it runs: browsers, phones, small devices."""


def main(args: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    arguments = list(sys.argv[1:] if args is None else args)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a name that the terminal cannot show must not end the command
            stream.reconfigure(errors="backslashreplace")
    try:
        code = _run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        # Python flushes once more at its end; let it flush into nothing.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    return code


def _run(arguments: list[str]) -> int:
    as_json = "--json" in arguments
    if not arguments:
        click.echo(edgekit.get_help(click.Context(edgekit, info_name="edgekit")), err=True)
        return InputError.exit_code
    try:
        # Not Group.main: it would turn interrupts and broken pipes into exit code 1.
        with edgekit.make_context("edgekit", list(arguments)) as context:
            result = edgekit.invoke(context)
        return result if isinstance(result, int) else 0
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except BrokenPipeError:
        raise
    except (Exception, KeyboardInterrupt) as error:
        return _fail(*_explain(error), as_json)


def _explain(error: BaseException) -> tuple[str, int]:
    """Return the sentence and the exit code of whatever ended a command."""
    if isinstance(error, click.ClickException):
        context = getattr(error, "ctx", None)
        hint = f" (see {context.command_path} --help)" if context else ""
        return error.format_message().rstrip(".") + hint, error.exit_code
    if isinstance(error, EdgekitError):
        return str(error), error.exit_code
    if isinstance(error, (KeyboardInterrupt, click.Abort)):
        return "interrupted", INTERRUPTED
    if os.environ.get("EDGEKIT_DEBUG") == "1":
        traceback.print_exception(error)
    what = f"{type(error).__name__}: {error}"
    return f"this is a bug in edgekit ({what}); please report it with what EDGEKIT_DEBUG=1 prints", BUG


def _fail(message: str, code: int, as_json: bool) -> int:
    message = one_line(message)
    click.echo(f"edgekit: {message}", err=True)
    if as_json:
        click.echo(json.dumps({"error": {"message": message, "exit_code": code}}))
    return code
