"""What mixing does to a picture (`quality`) and what it costs (`overhead`), each a command that prints a table."""

import os

# Or torch's profiler, which `memory` uses, writes lines about itself. It is read when torch is imported.
os.environ.setdefault("KINETO_LOG_LEVEL", "99")
