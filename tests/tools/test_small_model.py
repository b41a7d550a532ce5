"""The small model's training: pictures and captions, and steps of it that a stop does not change."""

from __future__ import annotations

import random

import pytest
import torch
from PIL import Image

pytest.importorskip("diffusers")
pytest.importorskip("transformers")

from tools.small_model import autoencoder, checkpoints, denoiser, text  # noqa: E402
from tools.small_model.artwork import BACKGROUNDS, NATIVE, SUBJECTS, Artwork, composition, tensor_of  # noqa: E402


@pytest.fixture
def artwork(tmp_path):
    """A disc for each subject in the place of the emoji."""
    (tmp_path / "assets").mkdir()
    for number, code in enumerate(SUBJECTS.values()):
        picture = Image.new("RGBA", (256, 256), (0, 0, 0, 0))
        picture.paste((4 * number % 256, 90, 200, 255), (64, 64, 192, 192))
        picture.save(tmp_path / "assets" / f"{code}.webp", lossless=True)
    return Artwork(tmp_path)


def test_there_are_enough_subjects_and_each_has_its_own_picture():
    assert 50 <= len(SUBJECTS) <= 100 and len(set(SUBJECTS.values())) == len(SUBJECTS)


def test_a_composition_is_its_background_with_the_subject_in_it(artwork):
    draw = random.Random(1)
    made = composition(draw, "star", "blue")
    pixels = tensor_of([artwork.picture(made)])
    assert pixels.shape == (1, 3, NATIVE, NATIVE) and -1.0 <= pixels.min() and pixels.max() <= 1.0
    corner = torch.tensor(made.colour) / 127.5 - 1.0
    share = (pixels[0] - corner[:, None, None]).abs().amax(dim=0).gt(0.02).float().mean()
    assert float(share) == pytest.approx((made.scale / 2.0) ** 2, abs=0.02)  # the disc is half the emoji's side
    assert all(abs(a - b) <= 5 for a, b in zip(made.colour, BACKGROUNDS["blue"]))


def test_the_same_seed_draws_the_same_picture_and_a_larger_one_is_the_same_composition(artwork):
    one, other = (composition(random.Random(7)) for _ in range(2))
    assert one == other
    small, large = (tensor_of([artwork.picture(one, side)]) for side in (NATIVE, 2 * NATIVE))
    shrunk = torch.nn.functional.avg_pool2d(large, 2)
    assert float((small - shrunk).abs().mean()) < 0.03


def test_captions_name_the_subject_and_mostly_the_background():
    made = composition(random.Random(0), "red apple", "orange")
    assert made.caption(0.0) == "red apple on an orange background"
    assert made.caption(0.85) == "red apple, orange background" and made.caption(0.95) == "red apple"


def test_a_missing_package_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="unpack the npm package"):
        Artwork(tmp_path).subject("cat")


def test_the_tokenizer_has_a_token_for_each_word_and_letters_for_the_rest():
    tokenizer = text.train_tokenizer()
    assert len(tokenizer) <= text.VOCABULARY
    assert tokenizer.tokenize("red apple on a blue background") == [
        f"{word}</w>" for word in "red apple on a blue background".split()
    ]
    ids = text.ids_of(tokenizer, ["Zeppelin \u00e9", ""])
    assert ids.shape == (2, text.TOKENS) and int(ids.max()) < len(tokenizer)
    assert tokenizer.decode(ids[0], skip_special_tokens=True).replace(" ", "") == "zeppelin\u00e9"


def test_the_vae_begins_near_the_identity():
    torch.manual_seed(0)
    vae = autoencoder.build().eval()
    plain = torch.tensor([0.6, -0.4, 0.1])[None, :, None, None].expand(1, 3, 64, 64).clone()
    with torch.no_grad():
        low, high = vae(plain).sample.mean(dim=(2, 3))[0], vae(-plain).sample.mean(dim=(2, 3))[0]
    assert torch.equal(torch.sign(low - high), torch.sign(plain[0, :, 0, 0]))  # every colour comes through


def test_whitening_changes_the_latents_and_not_the_pictures(artwork):
    torch.manual_seed(0)
    vae = autoencoder.build().eval()
    pictures = tensor_of([artwork.picture(composition(random.Random(i))) for i in range(4)])
    with torch.no_grad():
        before = vae.decode(vae.encode(pictures).latent_dist.mode()).sample
        autoencoder.whiten(vae, artwork, count=32)
        latents = vae.encode(pictures).latent_dist.mode()
        after = vae.decode(latents).sample
    torch.testing.assert_close(after, before, atol=1e-3, rtol=0)
    drawn = random.Random("whiten 0")
    seen = torch.cat([
        vae.encode(tensor_of([artwork.picture(composition(drawn))])).latent_dist.mode().detach() for _ in range(32)
    ])  # fmt: skip
    torch.testing.assert_close(seen.mean(dim=(0, 2, 3)), torch.zeros(4), atol=1e-3, rtol=0)
    torch.testing.assert_close(seen.std(dim=(0, 2, 3)), torch.ones(4), atol=1e-3, rtol=0)


def test_a_v_prediction_gives_the_clean_latent_back():
    """x0 = a x - s v, as the scheduler of the exported model takes it."""
    a, s = denoiser.alphas()
    torch.testing.assert_close(a**2 + s**2, torch.ones(1000))
    import diffusers

    scheduler = diffusers.DDIMScheduler(**denoiser.SCHEDULE, prediction_type="v_prediction")
    torch.testing.assert_close(scheduler.alphas_cumprod, a**2, atol=1e-6, rtol=1e-4)


def test_a_checkpoint_is_replaced_whole(tmp_path, monkeypatch):
    path = tmp_path / "state.pt"
    assert checkpoints.load(path) is None
    checkpoints.save(path, {"step": 1, "weights": torch.ones(3)})
    monkeypatch.setattr(torch, "save", lambda *a: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError):
        checkpoints.save(path, {"step": 2})
    assert checkpoints.load(path)["step"] == 1
