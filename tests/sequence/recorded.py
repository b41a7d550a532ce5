"""The recorded runs of the two ComfyUI nodes, each as the settings that ask for the same."""

import gzip
import json
from dataclasses import dataclass
from functools import lru_cache

import torch

from itermix.sequence.conditioning import Conditioning
from itermix.sequence.settings import SequenceSettings
from tests.oracle_arrays import ORACLE, Arrays

V1, V2 = "KSampler Sequence", "KSampler Sequence (v2)"
BLENDS = {None: "off", "Blend": "blend", "Slerp": "slerp", "Cosine Interp": "cosine"}


@dataclass
class Run:
    row: dict
    settings: SequenceSettings
    seed: int

    @property
    def calls(self):
        return [call for call in self.row["calls"] if call["fn"] == "ksampler"]


@lru_cache(maxsize=1)
def rows():
    with gzip.open(ORACLE / "sequence_runs.json.gz") as file:
        return json.load(file)["rows"]


def runs(node):
    """The grid of recorded runs of one node (its edge cases are tests of their own)."""
    make = {"KSamplerSeq": v1, "KSamplerSeq2": v2}[node]
    return [make(row) for row in rows() if row["node"] == node and "mode" in row["cfg"]]


def v1(row):
    cfg = row["cfg"]
    settings = SequenceSettings(
        frames=cfg["loops"],
        **tables(cfg["loops"]),
        seed_mode=cfg["mode"],
        alternate=cfg["alternate"],
        latent_interpolation=BLENDS[cfg["interp"]],
        unsample=cfg["unsample"],
        conditioning_slerp=cfg["cond_slerp"],
        node_seeds=V1,
    )
    return Run(row, settings, cfg["seed"])


def v2(row):
    """The node's conditioning slerp does nothing there, which is a bug of its list."""
    cfg = row["cfg"]
    settings = SequenceSettings(
        frames=len(row["frames"]),
        **tables(len(row["frames"])),
        seed_mode=cfg["mode"],
        seed_keying=cfg["keying"] or "off",
        denoise_sine=cfg["denoise_sine"],
        inject_noise=cfg["inject"],
        unsample=cfg["unsample"],
        node_seeds=V2,
    )
    return Run(row, settings, cfg["seed"])


def tables(frames):
    """Both prompt tables as far as the frames reach."""
    keys = [index for index in (0, 5, 10, 15) if index < frames]
    return {
        name: "\n".join(f"{index}: {word}{index // 5}" for index in keys)
        for name, word in (("prompts", "pos"), ("negative_prompts", "neg"))
    }


def conditionings(latents):
    """By prompt, as SDXL's: pos0 .. pos3, neg0 .. neg3."""
    return {
        name: Conditioning.of({key: torch.from_numpy(latents[name + end]) for key, end in ENDS.items()})
        for name in (f"{word}{i}" for word in ("pos", "neg") for i in range(4))
    }


ENDS = {"crossattn": "", "vector": "_pooled"}


@lru_cache(maxsize=1)
def latents():
    """All arrays by name."""
    return dict(Arrays("sequence_latents"))


def seed_of(call):
    """A recorded seed as the random generator takes it: its whole part, as an unsigned number of 64 bits."""
    text = call["seed"]
    return int(float(text[len("np.float64(") : -1])) % 2**64 if "float" in text else int(text) % 2**64
