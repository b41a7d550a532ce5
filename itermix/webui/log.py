"""One logger for all of itermix; the hosts' root logger hides what is below a warning."""

import logging
import sys

log = logging.getLogger("itermix")

if not log.handlers:
    _handler = logging.StreamHandler(sys.stderr)
    _handler.setFormatter(logging.Formatter("[itermix] %(message)s"))
    log.addHandler(_handler)
    log.setLevel(logging.INFO)
    log.propagate = False
