"""The recorded arrays of the original programs: tests/oracle/README.md says what they are."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

# The full recorded numbers may be elsewhere.
ORACLE = Path(os.environ.get("ITERMIX_ORACLE") or Path(__file__).resolve().parent / "oracle")
SAME = "same_as"  # of a file: pairs of names, an array's and that of an equal one, which is stored


class Arrays(Mapping[str, np.ndarray]):
    """The arrays of a file by their names. Each look-up gives a new one."""

    def __init__(self, name: str, folder: Path = ORACLE):
        self.file = np.load(folder / f"{name}.npz")
        self.stored = {key: key for key in self.file.files if key != SAME}
        if SAME in self.file.files:
            self.stored |= dict(self.file[SAME].tolist())

    def __getitem__(self, name: str) -> np.ndarray:
        return self.file[self.stored[name]]

    def __iter__(self) -> Iterator[str]:
        return iter(self.stored)

    def __len__(self) -> int:
        return len(self.stored)
