"""What a runner is: it makes visits on one device. It decides nothing and computes no statistics."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

import numpy as np
import numpy.typing as npt

from edgekit.bench.records import Device, Subject, Visit
from edgekit.store import Bundle

Rows = npt.NDArray[np.float32]


class Seat(Protocol):
    """One bundle that is set up on the device and can be visited again and again."""

    @property
    def subject(self) -> Subject:
        """What sits here."""
        ...

    def visit(self) -> Visit:
        """Start afresh, nothing cached, and measure."""
        ...

    def predict(self, rows: Rows) -> Rows:
        """Answer float32 [rows, inputs flattened] with float32 [rows, outputs flattened]."""
        ...


class Session(Protocol):
    """A device that is ready."""

    @property
    def device(self) -> Device:
        """What it is."""
        ...

    def seat(self, bundle: Bundle) -> Seat:
        """Set a bundle up; InputError where it has no such target, NotAvailable where the device cannot run it."""
        ...


class Runner(Protocol):
    """One way to reach a device; `bench.RUNNERS` lists them."""

    @property
    def name(self) -> str:
        """What was asked for, such as "chromium:wasm"."""
        ...

    def open(self) -> AbstractContextManager[Session]:
        """Reach the device; raises NotAvailable with what is missing and how to get it."""
        ...
