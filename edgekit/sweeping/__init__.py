"""The parts of a sweep: exports side by side, then measurements in turn."""
