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

    subject: Subject

    def visit(self) -> Visit:
        """Start afresh, nothing cached, and measure."""
        ...

    def predict(self, rows: Rows) -> Rows:
        """Answer float32 [rows, inputs flattened] with float32 [rows, outputs flattened]."""
        ...


class Session(Protocol):
    """A device that is ready."""

    device: Device

    def seat(self, bundle: Bundle) -> Seat:
        """Set a bundle up; raises NotAvailable where the device cannot run it."""
        ...


class Runner(Protocol):
    """One way to reach a device; `bench.RUNNERS` lists them."""

    name: str

    def open(self) -> AbstractContextManager[Session]:
        """Reach the device; raises NotAvailable with what is missing and how to get it."""
        ...
