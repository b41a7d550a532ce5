"""The WebUI side of itermix: the only package that imports the host's `modules`."""
