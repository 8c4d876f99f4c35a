"""The errors that a user can meet; each carries one sentence and the exit code of the command."""


class EdgekitError(Exception):
    """An expected failure: its text is one sentence that says what, which, and what to do next."""

    exit_code = 1


class CheckFailed(EdgekitError):
    """A check or a gate said no."""

    exit_code = 1


class UnfitBuild(CheckFailed):
    """A build of the engine that this device would never choose: a probe of values says that it computes wrongly."""


class InputError(EdgekitError):
    """Bad input or usage: a file, a key, a shape, a value."""

    exit_code = 2


class NotAvailable(EdgekitError):
    """Something is missing on this machine: an extra, a browser, a credential."""

    exit_code = 3


def missing_extra(what: str, extra: str) -> NotAvailable:
    """Name the extra that has to be installed before `what` can be done."""
    return NotAvailable(f"{what} needs the extra [{extra}]: pip install 'edgekit[{extra}]'")
