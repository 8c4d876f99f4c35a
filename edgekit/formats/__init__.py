"""File formats: one file a format, read with suspicion, written deterministically."""
