"""edgekit's own engine for the browser: a prebuilt engine, a plan, and weight shards."""

from __future__ import annotations

from edgekit import plan as plans
from edgekit.assets import asset
from edgekit.graph import Graph
from edgekit.lowering import Lowered, lower
from edgekit.models import Model
from edgekit.shards import cut
from edgekit.targets.bounds import of_span
from edgekit.targets.protocol import Built, File, Job, Refusal
from edgekit.targets.runtime_files import runtime_files

#: From the fastest to the one that runs anywhere; the runtime takes the first whose probe gives the right values.
BUILDS = ("relaxed", "signed", "simd", "scalar")


class WasmTarget:
    """Equal to the TFLite interpreter bit for bit, on every build; near it where float32 operators are only near."""

    name = "wasm"

    def refusals(self, model: Model, quantized: Graph) -> list[Refusal]:
        lowered = lower(quantized)
        if isinstance(lowered, Lowered):
            return []
        return [Refusal(f.op.kind, quantized.layer(f.op), f.why) for f in lowered]

    def build(self, job: Job) -> Built:
        lowered = lower(job.quantized)
        assert isinstance(lowered, Lowered), "refusals() comes first"
        shards = cut(lowered.chunks, job.config.targets.wasm.shard_bytes)
        files = [File("wasm/plan.bin", plans.encode(lowered.plan), "plan")]
        files += [
            File(
                f"wasm/engine-{build}.wasm",
                asset(plans.engine_file(lowered.plan, build)).read_bytes(),
                "engine",
                build=build,
            )
            for build in BUILDS
        ]
        files += [
            File(f"wasm/{shard.name(i)}", shard.data, "shard", first_step=shard.first_step)
            for i, shard in enumerate(shards)
        ]
        every = (*files, *runtime_files(self.name))
        if lowered.near is None:
            return Built(every, "exact")
        return Built(every, "near", of_span(lowered.near, job.float_outputs))
