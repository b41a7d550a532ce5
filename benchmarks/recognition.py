"""Names the subject of a picture, or says that it is in pieces: a small classifier of the rendered artwork.

It is trained first, in some five minutes on one CPU core, and says how often it is right on compositions that it
has not seen. Half of what it learns from is broken, as direct large pictures are: parts that changed places, halves of
two subjects, a subject twice. So a picture that merely has the right colours is not recognised.
"""

from __future__ import annotations

import random
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, cross_entropy, interpolate

from tools.small_model.artwork import BACKGROUNDS, NATIVE, SUBJECTS, Artwork, held_back, tensor_of
from tools.small_model.renders import Renders

SEEN = 64  # pixels a side
BROKEN = "broken"
NAMES = (*SUBJECTS, BROKEN)
STEPS, BATCH, RATE = 1500, 64, 2e-3
EACH = 24  # renders of a subject
NOISE, BLURRED = 0.1, 0.3  # the largest deviation, of a range of 1; share of the blurred ones


class Recogniser:
    """Names what pictures show. network: a trained `build`."""

    def __init__(self, network: nn.Sequential):
        self.network = network.eval()

    @torch.inference_mode()
    def __call__(self, pictures: Tensor) -> list[str]:
        """The names of what [B, 3, H, W] in [0, 1] show, at any size."""
        return [NAMES[index] for index in self.network(seen(pictures)).argmax(dim=1)]


def kept(artwork: Artwork, folder: Path, steps: int = STEPS) -> Recogniser:
    """The classifier from that folder; trained first where it is not there. Another artwork needs another folder."""
    path = folder / f"recogniser-{len(NAMES)}-{steps}.pt"
    if path.is_file():
        network = build()
        network.load_state_dict(torch.load(path, weights_only=True))
        return Recogniser(network)
    recogniser = trained(artwork, folder, steps)
    half = path.with_suffix(".part")
    torch.save(recogniser.network.state_dict(), half)
    half.replace(path)
    return recogniser


def trained(artwork: Artwork, folder: Path, steps: int = STEPS, seed: int = 0) -> Recogniser:
    """A new classifier. artwork: what it learns; folder: where renders are kept."""
    torch.manual_seed(seed)
    network, draw = build(), random.Random(f"recognition {seed}")
    renders = Renders(artwork, folder, NATIVE, EACH, seed, say=lambda *_, **__: None)
    optimizer = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=0.01)
    falling = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        pictures, goals = drawn(renders, draw, BATCH)
        loss = cross_entropy(network(roughened(pictures, draw)), goals)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        falling.step()
    return Recogniser(network)


def build() -> nn.Sequential:
    """[B, 3, 64, 64] -> [B, subjects + 1]; where things are counts, so nothing is averaged over the picture."""
    layers, channels = [], 3
    for width in (24, 48, 96, 96):
        layers += [nn.Conv2d(channels, width, 3, 2, 1), nn.BatchNorm2d(width), nn.ReLU()]
        channels = width
    return nn.Sequential(*layers, nn.Flatten(), nn.Dropout(0.2), nn.Linear(channels * (SEEN // 16) ** 2, len(NAMES)))


def seen(pictures: Tensor) -> Tensor:
    """As the network wants them."""
    return interpolate(pictures, size=(SEEN, SEEN), mode="area") * 2.0 - 1.0


def drawn(renders: Renders, draw: random.Random, count: int) -> tuple[Tensor, Tensor]:
    """Pictures [B, 3, 64, 64] in [-1, 1], every second one broken, and the indices of their names."""
    chosen = [draw.randrange(len(renders.made)) for _ in range(count)]
    colours = [BACKGROUNDS[draw.choice(list(BACKGROUNDS))] for _ in chosen]
    whole = renders.pictures(chosen, colours, [draw.random() < 0.5 for _ in chosen])
    pictures = avg_pool2d(whole, renders.side // SEEN)
    goals = [NAMES.index(renders.made[index].subject) for index in chosen]
    for index in range(1, count, 2):
        pictures[index] = broken(pictures[index], pictures[index - 1], draw)
        goals[index] = NAMES.index(BROKEN)
    return pictures, torch.tensor(goals)


def broken(picture: Tensor, other: Tensor, draw: random.Random) -> Tensor:
    """[3, S, S] taken apart in one of three ways. other: another picture."""
    way = draw.choice(("parts", "halves", "twice"))
    if way == "halves" and not torch.equal(picture, other):
        half = picture.shape[-1] // 2
        return torch.cat([picture[:, :half], other[:, half:]], dim=1)
    if way == "twice":
        return avg_pool2d(picture[None], 2)[0].repeat(1, 2, 2)
    size = picture.shape[-1] // draw.choice((2, 4))
    rows = [row.split(size, dim=2) for row in picture.split(size, dim=1)]
    moved = draw.randrange(1, len(rows))  # every part leaves its row, and its column too
    rows = [row[moved:] + row[:moved] for row in rows[moved:] + rows[:moved]]
    return torch.cat([torch.cat(row, dim=2) for row in rows], dim=1)


def roughened(pictures: Tensor, draw: random.Random) -> Tensor:
    """With grain and blur as drawn pictures have: what is recognised is not to hang on them."""
    generator = torch.Generator().manual_seed(draw.getrandbits(32))
    share = torch.rand(len(pictures), 1, 1, 1, generator=generator)
    noisy = pictures + 2.0 * NOISE * share * torch.randn(pictures.shape, generator=generator)
    blurred = interpolate(avg_pool2d(noisy, 2), scale_factor=2.0, mode="bilinear")
    return torch.where(torch.rand(len(pictures), 1, 1, 1, generator=generator) < BLURRED, blurred, noisy)


def accuracy(recogniser: Recogniser, artwork: Artwork, count: int = 240) -> dict[str, float]:
    """Share of held-back compositions that are named rightly, and of such that were broken and are said to be."""
    pictures = torch.cat([tensor_of([artwork.picture(made)]) for made in held_back(count)]) / 2.0 + 0.5
    draw = random.Random("accuracy")
    names = recogniser(pictures)
    wrecks = torch.stack([broken(one, other, draw) for one, other in zip(pictures, pictures.roll(1, dims=0))])
    right = [name == made.subject for name, made in zip(names, held_back(count))]
    found = [name == BROKEN for name in recogniser(wrecks)]
    return {"subjects": sum(right) / count, "broken": sum(found) / count}
