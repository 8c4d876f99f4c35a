"""Bundles made by hand whose predictions take as long as they are told to."""

from __future__ import annotations

from pathlib import Path

from fabricated import make_bundle

from edgekit.store import Bundle

#: A runtime that fetches what a runtime would, answers as fabricated.GOLDEN does, and is busy for a while each time.
RUNTIME = """
const busy = (ms) => { for (const end = performance.now() + ms; performance.now() < end;); };
export const load = async (url, { target, build }) => {
  const manifest = await (await fetch(new URL('manifest.json', url))).json();
  return {
    manifest, target, build: null,
    async warmUp() {
      await (await fetch(new URL(`wasm/engine-${build ?? 'simd'}.wasm`, url))).arrayBuffer();
      this.build = build ?? 'simd';
    },
    async predictArray([a, b]) {
      busy(%s);
      return Float32Array.of(Math.floor(Math.fround(Math.fround(2 * a) + b)));
    },
  };
};
"""


def busy_bundle(out: Path, milliseconds: float | str, padding: str = "") -> Bundle:
    """Write a bundle whose predictions take this long in a browser; `padding` makes its runtime larger."""
    return make_bundle(out, RUNTIME % milliseconds + padding, name="busy")
