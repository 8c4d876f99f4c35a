"""The real runtimes that run a bundle: LiteRT, Chromium, Node."""
