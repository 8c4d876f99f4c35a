"""On-device regression benchmarks: runners measure, the verdict decides, the history remembers."""
