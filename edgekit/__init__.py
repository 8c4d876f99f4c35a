"""edgekit: a trained model becomes a small, verified bundle that predicts in the browser and on devices."""

__version__ = "0.1.0"
