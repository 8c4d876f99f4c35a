"""How a float graph becomes int8: calibration, rewrites, rounding, and the ladder of recipes."""
