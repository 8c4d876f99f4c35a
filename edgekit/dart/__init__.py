"""Dart source from a manifest: names, layout, and the files of a model's package."""
