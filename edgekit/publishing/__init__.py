"""Publishing: a plan is a value, applying it is a state machine that any interruption leaves whole."""
