"""edgekit bench serve: measure on a phone that opens a page, and judge a bundle against another there."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import segno

from edgekit.bench.address import LOOPBACK, is_secure, lan_address
from edgekit.bench.desk import Limits
from edgekit.bench.devices import Comparison, check_alike
from edgekit.bench.history import DEFAULT
from edgekit.bench.records import INTERRUPTED
from edgekit.bench.runners.remote import TARGETS
from edgekit.bench.runners.spec import Conditions, Spec
from edgekit.bench.serving import Serving, serve_session
from edgekit.bench.session import Plan
from edgekit.bench.verdict import Policy
from edgekit.cli import INTERRUPTED as INTERRUPTED_EXIT
from edgekit.cli.bench_run import commit_of, keep, read_rows, show
from edgekit.cli.console import emit_json, progress_bar
from edgekit.cli.options import PATH, config_option, json_option
from edgekit.config import find_config, parse_drop
from edgekit.errors import InputError
from edgekit.store import open_bundle

PORT = 8009


@click.command("serve")
@click.argument("bundle", type=PATH)
@click.option("--against", type=PATH, metavar="BUNDLE", help="The baseline; without it nothing is compared.")
@click.option("--lan", is_flag=True, help="Listen on this machine's address on its network, for phones there.")
@click.option("--host", default=LOOPBACK, show_default=True, metavar="ADDRESS", help="The address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=PORT, show_default=True, help="0 takes a free one.")
@click.option("--target", type=click.Choice(TARGETS), help="Else wasm, where the bundle has it.")
@click.option("--build", default="", metavar="NAME", help="Of the engine, such as simd; else what the phone chooses.")
@click.option("--threads", type=click.IntRange(1, 64), metavar="NUMBER", help="Of the engine.")
@click.option(
    "--expires", type=click.FloatRange(min=0), default=600, show_default=True, metavar="SECONDS", help="To open it."
)
@click.option(
    "--patience", type=click.FloatRange(min=0), default=180, show_default=True, metavar="SECONDS", help="Without news."
)
@click.option("--data", type=PATH, metavar="DATA", help="Evaluation rows, for accuracy: .npz, .csv or .parquet.")
@click.option("--pairs", type=click.IntRange(1, 4096), default=512, show_default=True, help="At most.")
@click.option("--minutes", type=click.FloatRange(min=0), default=5.0, show_default=True, help="No visit begins later.")
@click.option("--min-effect", default="5%", show_default=True, metavar="SHARE", help="The smallest change that counts.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the order of the visits.")
@click.option("--history", type=PATH, default=DEFAULT, show_default=True, metavar="FILE", help="Where runs are kept.")
@click.option("--no-history", is_flag=True, help="Keep nothing.")
@config_option
@json_option
def command(
    bundle: Path,
    against: Path | None,
    lan: bool,
    host: str,
    port: int,
    target: str | None,
    build: str,
    threads: int | None,
    expires: float,
    patience: float,
    data: Path | None,
    pairs: int,
    minutes: float,
    min_effect: str,
    seed: int,
    history: Path,
    no_history: bool,
    config_file: Path | None,
    as_json: bool,
) -> int:
    """Measure on a phone: a QR code, a page, and the verdict there too."""
    if lan and host != LOOPBACK:
        raise InputError("--lan chooses the address by itself; leave out --lan or --host")
    candidate = open_bundle(bundle)
    baseline = open_bundle(against) if against else None
    if baseline:
        check_alike(candidate, baseline)
    config = find_config(config_file)
    rows = read_rows(data, candidate, config) if data else None
    policy = Policy(effect=parse_drop(min_effect, "--min-effect"))
    plan = Plan(minutes=minutes, pairs=pairs, seed=seed, policy=policy, commit=commit_of(bundle))
    spec = Spec("remote", target or "", build)
    limits = Limits(expires=expires, patience=patience)
    serving = Serving(spec, Conditions(threads), lan_address() if lan else host, port, limits)
    comparison = Comparison(candidate, baseline, rows, config)
    with progress_bar() as progress:
        measured = serve_session(comparison, plan, lambda url: _announce(url, serving), serving, progress)
    kept = {} if no_history else keep(history, [measured])
    if as_json:
        emit_json({"exit_code": measured.exit_code, "history": kept, "runners": [measured]})
    else:
        show(measured)
        if kept:
            click.echo(f"kept in {history}")
    return INTERRUPTED_EXIT if measured.run and measured.run.ended == INTERRUPTED else measured.exit_code


def _announce(url: str, serving: Serving) -> None:
    """Show the code and the address on stderr, and what guards them."""
    if sys.stderr.isatty():
        segno.make(url, error="l", micro=False).terminal(out=sys.stderr, compact=True, border=2)
    click.echo(f"open on the phone: {url}", err=True)
    click.echo(f"It is for one device, which has {serving.limits.expires:g} s to come. Ctrl-C ends.", err=True)
    if is_secure(serving.host):
        click.echo("Only this machine reaches it; for a phone add --lan, or use --on adb with a cable.", err=True)
    else:
        click.echo(
            "The token in it is the only guard, and plain http can be read along on the network. Browsers give such a "
            "page no threads, a coarser clock and no Wake Lock.",
            err=True,
        )
