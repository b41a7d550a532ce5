"""The tokenizer, a byte-level BPE in CLIP's format, and the CLIP text model, with its pre-training.

Trained together with the UNet from nothing, the text encoder is ignored; so it first learns, in less than a
minute, to tell subject and background from the mean of its output.
"""

from __future__ import annotations

import json
import random
import tempfile
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from torch import Tensor, nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from tools.small_model import checkpoints
from tools.small_model.artwork import BACKGROUNDS, SUBJECTS, composition

WIDTH, TOKENS, VOCABULARY = 128, 24, 1000
BOS, EOS = "<|startoftext|>", "<|endoftext|>"
BATCH, RATE = 128, 1e-3


def train_tokenizer() -> CLIPTokenizer:
    """At most VOCABULARY tokens: 512 for the bytes, so that no text is unknown, and the merges of the captions."""
    words = Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    words.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    words.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY, end_of_word_suffix="</w>", show_progress=False, min_frequency=1,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )  # fmt: skip
    draw = random.Random("captions")
    words.train_from_iterator([composition(draw).caption(draw.random()) for _ in range(5000)], trainer)
    merges = [tuple(pair) for pair in json.loads(words.to_str())["model"]["merges"]]
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    # In CLIP's order: bytes, bytes that end a word, merges, then the two marks.
    order = [*letters, *(f"{letter}</w>" for letter in letters), *("".join(pair) for pair in merges), BOS, EOS]
    with tempfile.TemporaryDirectory() as folder:
        vocabulary, pairs = Path(folder, "vocab.json"), Path(folder, "merges.txt")
        vocabulary.write_text(json.dumps({word: index for index, word in enumerate(order)}), encoding="utf-8")
        lines = ["#version: 0.2", *(" ".join(pair) for pair in merges), ""]
        pairs.write_text("\n".join(lines), encoding="utf-8")
        return CLIPTokenizer(str(vocabulary), str(pairs), model_max_length=TOKENS, pad_token=EOS)


def build(tokenizer: CLIPTokenizer) -> CLIPTextModel:
    return CLIPTextModel(CLIPTextConfig(
        vocab_size=len(tokenizer), hidden_size=WIDTH, intermediate_size=4 * WIDTH, num_hidden_layers=2,
        num_attention_heads=4, max_position_embeddings=TOKENS, projection_dim=WIDTH, hidden_act="quick_gelu",
        bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    ))  # fmt: skip


def ids_of(tokenizer: CLIPTokenizer, captions: list[str]) -> Tensor:
    """[B, TOKENS], long."""
    encoded = tokenizer(captions, padding="max_length", truncation=True, max_length=TOKENS, return_tensors="pt")
    return encoded.input_ids


class Ids:
    """`ids_of` on a device; each caption is read once."""

    def __init__(self, tokenizer: CLIPTokenizer, device: torch.device):
        self.tokenizer, self.device, self.rows = tokenizer, device, {}
        self.every = torch.zeros(0, TOKENS, dtype=torch.long, device=device)

    def __call__(self, captions: list[str]) -> Tensor:
        new = [caption for caption in dict.fromkeys(captions) if caption not in self.rows]
        if new:
            self.rows.update({caption: len(self.rows) + number for number, caption in enumerate(new)})
            self.every = torch.cat([self.every, ids_of(self.tokenizer, new).to(self.device)])
        return self.every[torch.tensor([self.rows[caption] for caption in captions], device=self.device)]


def pretrained(state: Path, steps: int, seed: int = 0) -> tuple[CLIPTokenizer, CLIPTextModel]:
    """Both, pre-trained or as kept on disk."""
    torch.manual_seed(seed)
    tokenizer = train_tokenizer()
    text, saved = build(tokenizer), checkpoints.load(state)
    if saved:
        text.load_state_dict(saved)
    else:
        pretrain(tokenizer, text, steps, seed)
        checkpoints.save(state, text.state_dict())
    return tokenizer, text


def pretrain(tokenizer: CLIPTokenizer, text: CLIPTextModel, steps: int, seed: int = 0, say=print) -> None:
    torch.manual_seed(seed)
    subjects, backgrounds = list(SUBJECTS), list(BACKGROUNDS)
    heads = nn.ModuleList([nn.Linear(WIDTH, len(subjects)), nn.Linear(WIDTH, len(backgrounds) + 1)])
    optimizer = torch.optim.AdamW([*text.parameters(), *heads.parameters()], lr=RATE)
    draw = random.Random(f"text {seed}")
    for step in range(steps):
        made = [composition(draw) for _ in range(BATCH)]
        captions = [one.caption(draw.random()) for one in made]
        # A caption without a background has none to tell.
        named = [len(backgrounds) if b.background not in c else backgrounds.index(b.background)
                 for b, c in zip(made, captions)]  # fmt: skip
        goals = torch.tensor([subjects.index(one.subject) for one in made]), torch.tensor(named)
        mean = text(ids_of(tokenizer, captions))[0].mean(dim=1)
        loss = sum(nn.functional.cross_entropy(head(mean), goal) for head, goal in zip(heads, goals))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        if step % 50 == 0 or step == steps - 1:
            say(f"text {step}: {loss.item():.4f}", flush=True)
