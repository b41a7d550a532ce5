import sys
from pathlib import Path

from tools.checkpoints import BASE, MODELS, sd15, write

for path in write(Path(sys.argv[1]), {BASE: sd15, **MODELS}):
    print(path)
