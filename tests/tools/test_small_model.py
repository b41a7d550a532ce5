"""The small model's training: pictures and captions, and steps of it that a stop does not change."""

from __future__ import annotations

import json
import os
import random
import signal
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.nn.functional import avg_pool2d

pytest.importorskip("diffusers")
pytest.importorskip("resvg_py")
pytest.importorskip("transformers")

from itermix.commands.studio import PROMPT  # noqa: E402
from tools.small_model import (  # noqa: E402
    autoencoder,
    checkpoints,
    denoiser,
    export,
    losses,
    optimizers,
    redrawn,
    text,
)
from tools.small_model.artwork import (  # noqa: E402
    ALIKE,
    BACKGROUNDS,
    NATIVE,
    OFF_CENTRE,
    SUBJECTS,
    Artwork,
    composition,
    held_back,
    tensor_of,
)
from tools.small_model.renders import Renders  # noqa: E402

CPU = torch.device("cpu")
SIDE = 64  # pixels, of the tests' renders


@pytest.fixture(scope="module")
def artwork(tmp_path_factory):
    """For each subject a disc of its own colour over the left half of the drawing."""
    folder = tmp_path_factory.mktemp("package")
    icons = {
        name: {"body": f'<circle cx="8" cy="16" r="8" fill="rgb({9 * number},90,200)"/>'}
        for number, name in enumerate(SUBJECTS.values())
    }
    (folder / "icons.json").write_text(json.dumps({"icons": icons}), encoding="utf-8")
    return Artwork(folder)


@pytest.fixture(scope="module")
def renders(artwork, tmp_path_factory):
    return Renders(artwork, tmp_path_factory.mktemp("renders"), SIDE, 2)


@pytest.fixture
def small(monkeypatch):
    """Networks of a few channels, at the tests' size."""
    monkeypatch.setattr(autoencoder, "ENCODER", (8, 8, 16, 16))
    monkeypatch.setattr(autoencoder, "DECODER", (8, 8, 16, 16))
    monkeypatch.setattr(autoencoder, "NATIVE", SIDE)
    monkeypatch.setattr(autoencoder, "SIZES", {SIDE: 1.0})
    monkeypatch.setattr(autoencoder, "CROP", 32)


def test_each_subject_has_its_own_drawing():
    assert 24 <= len(SUBJECTS) <= 48 and len(set(SUBJECTS.values())) == len(SUBJECTS)


def test_a_composition_is_its_background_with_the_subject_in_it(artwork):
    made = composition(random.Random(1), "rocket", "blue")
    pixels = tensor_of([artwork.picture(made, 256)])
    assert pixels.shape == (1, 3, 256, 256) and -1.0 <= pixels.min() and pixels.max() <= 1.0
    colour = torch.tensor(BACKGROUNDS["blue"]) / 127.5 - 1.0
    differs = (pixels[0] - colour[:, None, None]).abs().amax(dim=0).gt(0.02).float()
    assert float(differs.mean()) == pytest.approx(np.pi * (made.scale / 4.0) ** 2, rel=0.02)  # a disc of r = 8 of 32
    columns = differs.sum(dim=0).nonzero()[:, 0] / 256
    left = made.corner[0] + (made.scale / 2.0 if made.is_flipped else 0.0)
    assert float(columns.min()) == pytest.approx(left, abs=1 / 128)


@pytest.mark.parametrize("side", [256, 384, 512, 1024])
def test_a_larger_picture_is_the_same_composition_rendered_finer(artwork, side):
    made = held_back(1)[0]
    small, large = (tensor_of([artwork.picture(made, pixels)]) for pixels in (NATIVE, side))
    error = (small - avg_pool2d(large, side // NATIVE)).abs()
    # resvg counts a pixel's coverage in quarters of its height: an edge is exact to an eighth of its contrast.
    assert float(error.max()) < 0.2 and float(error.mean()) < 2e-3


def test_compositions_lie_within_the_picture_and_near_its_middle():
    draw = random.Random(0)
    for made in (composition(draw) for _ in range(500)):
        for low in made.corner:
            assert low >= 0.0 and low + made.scale <= 1.0
            assert abs(low + made.scale / 2.0 - 0.5) <= OFF_CENTRE


def test_held_back_compositions_are_the_same_each_time_and_name_every_subject_alike():
    made = held_back(2 * len(SUBJECTS))
    assert made == held_back(2 * len(SUBJECTS)) != held_back(2 * len(SUBJECTS), seed=1)
    assert sorted(one.subject for one in made) == sorted(2 * list(SUBJECTS))


def test_a_render_on_a_colour_is_the_composition_that_it_says(artwork, renders):
    for index, is_mirrored in ((0, False), (5, True)):
        made = renders.composition(index, "green", BACKGROUNDS["green"], is_mirrored)
        drawn = renders.pictures([index], [BACKGROUNDS["green"]], [is_mirrored])[0]
        exact = tensor_of([artwork.picture(made, SIDE)])[0]
        error = (drawn - exact).abs()  # an edge's coverage, rounded from the other side where it is mirrored
        assert float(error.max()) < 0.1 and float(error.mean()) < 1e-3


def test_a_crop_of_a_render_is_a_part_of_it(renders):
    whole = renders.pictures([3, 4], [BACKGROUNDS["red"]] * 2, [False, False])
    parts = renders.pictures([3, 4], [BACKGROUNDS["red"]] * 2, [False, True], [(5, 10), (7, 0)], 20)
    assert torch.equal(parts[0], whole[0, :, 10:30, 5:25])
    assert torch.equal(parts[1], whole[1, :, :20, 7:27].flip(2))


def test_renders_of_several_processes_are_those_of_one(artwork, tmp_path):
    one, two = (Renders(artwork, tmp_path / str(n), SIDE, 2, processes=n) for n in (1, 2))
    assert torch.equal(one.cutouts, two.cutouts) and one.cutouts.any()


def test_captions_name_the_subject_and_mostly_the_background():
    made = composition(random.Random(0), "fox", "orange")
    assert made.caption(0.0) == "fox on an orange background"
    assert made.caption(0.85) == "fox, orange background" and made.caption(0.95) == "fox"


def test_a_missing_package_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="unpack the npm package"):
        Artwork(tmp_path).picture(held_back(1)[0])


def test_the_tokenizer_has_a_token_for_each_word_and_letters_for_the_rest():
    tokenizer = text.train_tokenizer()
    assert len(tokenizer) <= text.VOCABULARY
    assert tokenizer.tokenize("castle on a blue background") == [
        f"{word}</w>" for word in "castle on a blue background".split()
    ]
    ids = text.ids_of(tokenizer, ["Zeppelin \u00e9", ""])
    assert ids.shape == (2, text.TOKENS) and int(ids.max()) < len(tokenizer)
    assert tokenizer.decode(ids[0], skip_special_tokens=True).replace(" ", "") == "zeppelin\u00e9"


def test_the_detailed_loss_is_the_sum_over_picture_and_two_levels():
    """A checkerboard of +-h has no coarse part: h in the picture, h in the finest level, nothing in the next."""
    board = 0.25 * (-1.0) ** (torch.arange(8)[:, None] + torch.arange(8))
    loss = losses.detailed_loss(board.expand(1, 3, 8, 8), torch.zeros(1, 3, 8, 8))
    assert float(loss) == pytest.approx(0.5)


@pytest.mark.parametrize("contrast, expected", [(1.0, 0.0), (0.5, 0.75), (2.0, 3.0), (0.0, 1.0)])
def test_the_power_loss_is_the_share_of_the_finest_power_that_is_wrong(contrast, expected):
    picture = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    loss = losses.power_loss(contrast * picture - 0.3, picture)  # what is plain has no part in it
    assert float(loss) == pytest.approx(expected, abs=0.01)


def test_the_sliced_loss_asks_for_the_right_patches_wherever_they_are():
    pictures = torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2.0 - 1.0

    def loss(made):
        return float(losses.sliced_loss(made, pictures, torch.Generator().manual_seed(1)))

    assert loss(pictures) == 0.0
    assert loss(pictures[[2, 0, 3, 1]]) == pytest.approx(0.0, abs=1e-6)
    none = loss(torch.zeros_like(pictures))  # the mean length of a projection, in deviations, of two levels
    assert 1.0 < none < 2.0
    for contrast in (0.5, 1.25):  # linear in the contrast, whatever is added to all of a picture
        assert loss(contrast * pictures + 0.3) == pytest.approx(abs(1.0 - contrast) * none, rel=1e-4)


@pytest.mark.parametrize("error, expected", [(4.0, 0.0), (0.04, 20.0), (0.0004, 40.0)])
def test_decibels_are_those_of_a_range_of_two(error, expected):
    assert autoencoder.decibels(error) == pytest.approx(expected)


def test_the_unets_rate_rises_stays_and_falls():
    shares = (0.0, 0.6, 0.8, 1.0, 1.2)
    assert [denoiser.rate(1000, share) / denoiser.RATE for share in shares] == pytest.approx([1.0, 1.0, 0.5, 0.0, 0.0])
    assert denoiser.rate(49, 0.0) == pytest.approx(denoiser.RATE / 2)


def test_the_rate_rises_then_falls_along_a_cosine():
    assert autoencoder.rate(0, 0.0, 1.0) == pytest.approx(0.01)
    assert autoencoder.rate(1000, 0.0, 1.0) == pytest.approx(1.0)
    assert autoencoder.rate(1000, 0.5, 1.0) == pytest.approx(0.505)
    assert autoencoder.rate(1000, 1.0, 1.0) == pytest.approx(0.01)


def test_a_picture_is_encoded_alike_whatever_is_around_it(small):
    """Nothing in the network looks at the whole picture: far from a change the latent stays the same."""
    torch.manual_seed(0)
    vae = autoencoder.build().eval()
    picture = torch.rand(1, 3, 64, 256) * 2.0 - 1.0
    other = torch.cat([picture[..., :192], -picture[..., 192:]], dim=-1)
    with torch.no_grad():
        one, two = (vae.encode(values).latent for values in (picture, other))
    torch.testing.assert_close(one[..., :12], two[..., :12], rtol=0, atol=1e-6)
    assert float((one - two)[..., -4:].abs().max()) > 1e-3


def test_whitening_gives_each_channel_mean_zero_and_variance_one():
    latents = 3.0 * torch.randn(8, 16, 8, 8, generator=torch.Generator().manual_seed(0)) + 2.0
    whitening = autoencoder.Whitening(torch.zeros(16), torch.ones(16))
    whitening.follow(latents, 1.0)
    white = whitening(latents)
    torch.testing.assert_close(white.mean(dim=(0, 2, 3)), torch.zeros(16), rtol=0, atol=1e-5)
    torch.testing.assert_close(white.std(dim=(0, 2, 3)), torch.ones(16))


def test_the_finished_vae_encodes_to_white_latents_and_decodes_as_trained(small, renders, tmp_path):
    trainer = autoencoder.Trainer(tmp_path / "vae.pt", {SIDE: renders}, CPU, 2)
    for _ in range(2):
        trainer.advance(0.5)
    pictures = renders.pictures([0, 1], [BACKGROUNDS["blue"]] * 2, [False, False])
    finished = trainer.finished()
    with torch.no_grad():
        white = trainer.whitening(trainer.vae.encode(pictures).latent)
        torch.testing.assert_close(finished.encode(pictures).latent, white, rtol=0, atol=1e-4)
        torch.testing.assert_close(finished.decode(white).sample, trainer.vae.decode(white).sample)


def test_the_decoders_own_stage_leaves_the_latents_as_they_are(small, renders, tmp_path):
    finished = autoencoder.build().eval().requires_grad_(False)
    trainer = autoencoder.Trainer(tmp_path / "decoder.pt", {SIDE: renders}, CPU, 2, finished=finished)
    for _ in range(3):  # branches begin at zero, so that the first step does not reach what is in them
        trainer.advance(0.5)
    after = trainer.finished()
    for name, values in finished.named_parameters():
        is_same = torch.equal(values, after.get_parameter(name))
        assert is_same == name.startswith("encoder"), name


@pytest.mark.parametrize("eta", [0.0, 1.0])
@pytest.mark.parametrize("start", redrawn.NEAR + redrawn.FAR)
def test_latents_drawn_again_without_a_fault_are_the_real_ones(start, eta):
    real = torch.randn(2, 16, 4, 4, generator=torch.Generator().manual_seed(0))
    signal, level = denoiser.alphas()
    seen = []

    def exact(x, t, **_):
        seen.append(t)
        both = torch.cat([real, real])
        return ((signal[t] * (x - signal[t] * both) / level[t] - level[t] * both),)

    found = redrawn.redrawn(exact, real, None, start, eta, torch.Generator().manual_seed(1))
    assert seen == list(range(start, 0, -redrawn.STEP))
    torch.testing.assert_close(found, real, rtol=0, atol=1e-4)


def test_latents_are_drawn_again_with_guidance():
    """One step from t = 50 to the end: x0 = sqrt(abar) x - sqrt(1 - abar) (uncond + guidance (cond - uncond))."""
    signal, level = denoiser.alphas()
    real = torch.zeros(2, 16, 4, 4)

    def told(x, t, encoder_hidden_states, **_):
        return (signal[t] * x / level[t] + encoder_hidden_states[:, :, None, None],)

    states = torch.tensor([[2.0], [2.0], [1.0], [1.0]])
    found = redrawn.redrawn(told, real, states, 50, 0.0, torch.Generator().manual_seed(1))
    wanted = -level[50] * (1.0 + export.GUIDANCE)  # of noise alone the prediction is 0
    torch.testing.assert_close(found, wanted.expand_as(found), rtol=0, atol=1e-5)


@pytest.mark.parametrize("eta", [0.0, 1.0])
def test_latents_on_their_way_have_each_timesteps_noise(eta):
    """With a network that takes the latent for zero, x_t is noise alone: its deviation is sqrt(1 - abar_t)."""
    signal, level = denoiser.alphas()
    found = {}

    def none(x, t, **_):
        found[t] = float(x.std())
        return (signal[t] * x / level[t],)

    redrawn.redrawn(none, torch.zeros(4, 16, 64, 64), None, 500, eta, torch.Generator().manual_seed(1))
    assert found == {t: pytest.approx(float(level[t]), rel=0.01) for t in range(500, 0, -50)}


@pytest.fixture
def told(renders):
    """Latents of whole pictures whose every value is the mean of the cell it stands for, drawn again or not."""
    draw = random.Random(0)
    drawn = [(n, draw.choice(list(BACKGROUNDS)), n % 2 == 1) for n in range(8)]
    indices, names, mirrored = map(list, zip(*drawn))
    pictures = renders.pictures(indices, [BACKGROUNDS[name] for name in names], mirrored)
    values = avg_pool2d(pictures.mean(dim=1, keepdim=True), 8).expand(-1, 16, -1, -1)
    return SimpleNamespace(renders=renders, drawn=drawn, made=drawn, values=values)


def drawn_again(told, path):
    checkpoints.save(path, dict(latents=told.values.contiguous()))
    return redrawn.Redrawn(told, None, None, None, path)


def test_a_latent_that_was_drawn_again_has_its_own_part_of_the_picture(told, tmp_path):
    latents, pictures = drawn_again(told, tmp_path / "redrawn.pt").views(random.Random(1), 64, 32)
    assert latents.shape == (64, 16, 4, 4) and pictures.shape == (64, 3, 32, 32)
    wanted = avg_pool2d(pictures.mean(dim=1, keepdim=True), 8)
    torch.testing.assert_close(latents, wanted.expand(-1, 16, -1, -1), rtol=0, atol=1e-5)


def test_the_decoder_learns_from_latents_that_were_drawn_again(small, told, tmp_path, monkeypatch):
    monkeypatch.setattr(autoencoder, "DRAWN", 1.0)
    again = drawn_again(told, tmp_path / "redrawn.pt")
    trainer = autoencoder.Trainer(
        tmp_path / "decoder.pt", {SIDE: told.renders}, CPU, 8, finished=autoencoder.build(), redrawn=[again]
    )
    monkeypatch.setattr(trainer.vae, "encode", None)  # nothing is encoded for it

    def error():
        latents, pictures = again.views(random.Random(5), 32, 32)
        with torch.no_grad():
            return float((trainer.vae.decode(latents).sample - pictures).square().mean())

    before = error()
    trainer.step = 100  # past the steps in which the rate rises
    for _ in range(20):
        trainer.advance(0.0)
    assert error() < 0.7 * before


@pytest.mark.parametrize("shape", [(6, 20), (20, 6), (8, 8)])
def test_orthogonal_keeps_the_directions_and_makes_them_of_one_length(shape):
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    u, _, v = torch.linalg.svd(matrix, full_matrices=False)
    singular = torch.linalg.svdvals(optimizers.orthogonal(matrix))
    assert 0.6 < float(singular.min()) and float(singular.max()) < 1.3
    nearest = u @ v
    cosine = (optimizers.orthogonal(matrix) * nearest).sum() / nearest.norm() / optimizers.orthogonal(matrix).norm()
    assert float(cosine) > 0.97


def test_vectors_take_adamws_steps():
    ours, theirs = torch.nn.Parameter(torch.ones(4)), torch.nn.Parameter(torch.ones(4))
    one = optimizers.Muon([], [ours], lr=0.1, weight_decay=0.01)
    two = torch.optim.AdamW([theirs], lr=0.1, weight_decay=0.01, betas=(0.9, 0.99))
    for step in range(5):
        for values, optimizer in ((ours, one), (theirs, two)):
            values.grad = torch.tensor([1.0, -2.0, 0.5, step - 2.0])
            optimizer.step()
    torch.testing.assert_close(ours, theirs)


def test_matrices_take_steps_of_their_own_whichever_others_there_are():
    generator = torch.Generator().manual_seed(0)
    weights = [torch.randn(shape, generator=generator) for shape in ((4, 6), (4, 6), (6, 2, 3, 3))]
    gradients = [torch.randn(one.shape, generator=generator) for one in weights]
    together, alone = ([torch.nn.Parameter(one.clone()) for one in weights] for _ in range(2))
    every = [optimizers.Muon(together, [], lr=0.1), *(optimizers.Muon([one], [], lr=0.1) for one in alone)]
    for _ in range(3):
        for values in (together, alone):
            for one, gradient in zip(values, gradients):
                one.grad = gradient
        for optimizer in every:
            optimizer.step()
    torch.testing.assert_close(together, alone)


def test_captions_become_the_tokenizers_ids_however_often_they_come():
    tokenizer = text.train_tokenizer()
    ids, captions = text.Ids(tokenizer, CPU), ["fox", "", "owl on a red background", "fox"]
    for asked in (captions, captions[::-1], ["castle", "fox"]):
        assert torch.equal(ids(asked), text.ids_of(tokenizer, asked))


def test_a_v_prediction_gives_the_clean_latent_back():
    """x0 = a x - s v, as the scheduler of the exported model takes it."""
    a, s = denoiser.alphas()
    torch.testing.assert_close(a**2 + s**2, torch.ones(1000))
    import diffusers

    scheduler = diffusers.DDIMScheduler(**denoiser.SCHEDULE, prediction_type="v_prediction")
    torch.testing.assert_close(scheduler.alphas_cumprod, a**2, atol=1e-6, rtol=1e-4)


def advanced(trainer, steps, *arguments):
    """The trainer after so many steps, at shares of the time that depend on the step alone."""
    while trainer.step < steps:
        trainer.advance(*arguments, trainer.step / 10)
    return trainer


def test_a_vae_that_was_stopped_goes_on_bit_for_bit(small, renders, tmp_path):
    whole = advanced(autoencoder.Trainer(tmp_path / "whole.pt", {SIDE: renders}, CPU, 2), 4)
    advanced(autoencoder.Trainer(tmp_path / "parts.pt", {SIDE: renders}, CPU, 2), 2).save(20.0)
    resumed = autoencoder.Trainer(tmp_path / "parts.pt", {SIDE: renders}, CPU, 2)
    assert resumed.worked == 20.0 and resumed.step == 2
    for one, two in zip(whole.vae.parameters(), advanced(resumed, 4).vae.parameters()):
        assert torch.equal(one, two)


def small_unet():
    return denoiser.UNet2DConditionModel(
        sample_size=4, in_channels=16, out_channels=16, block_out_channels=(8, 8), layers_per_block=1,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"), up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=text.WIDTH, attention_head_dim=2, norm_num_groups=4,
    )  # fmt: skip


def test_a_unet_that_was_stopped_goes_on_bit_for_bit(monkeypatch, tmp_path):
    monkeypatch.setattr(denoiser, "build", small_unet)
    tokenizer, _ = text.pretrained(tmp_path / "text.pt", 1)
    highest = torch.tensor([1000, 850])
    latents = SimpleNamespace(
        batch=lambda draw, size: (torch.full((size, 16, 4, 4), draw.random()), ["fox"] * size, highest)
    )

    def trainer(name):
        return denoiser.Trainer(tmp_path / name, *text.pretrained(tmp_path / "text.pt", 1), CPU, 2)

    whole = advanced(trainer("whole.pt"), 4, latents)
    advanced(trainer("parts.pt"), 2, latents).save(20.0)
    resumed = advanced(trainer("parts.pt"), 4, latents)
    for one, two in zip(whole.average.parameters(), resumed.average.parameters()):
        assert torch.equal(one, two)


def test_latents_go_on_where_they_were_stopped(small, renders, tmp_path, monkeypatch):
    monkeypatch.setattr(denoiser, "ENCODED", 4)
    torch.manual_seed(0)
    vae = autoencoder.build().eval()
    whole = denoiser.Latents(vae, renders, tmp_path / "whole.pt", 8).values
    checkpoints.save(tmp_path / "parts.pt", dict(latents=whole[:4]))
    parts = denoiser.Latents(vae, renders, tmp_path / "parts.pt", 8)
    assert torch.equal(parts.values, whole) and len(parts.made) == 8
    shown = renders.pictures([parts.drawn[6][0]], [parts.made[6].colour], [parts.drawn[6][2]])
    with torch.no_grad():
        torch.testing.assert_close(vae.encode(shown).latent[0].half(), whole[6], rtol=0, atol=2e-3)


def test_parts_of_larger_pictures_are_theirs_and_are_drawn_at_lower_noise_alone(artwork, tmp_path, monkeypatch, small):
    """Latents whose every value says where it is from: 1000 of the picture, and its place."""
    monkeypatch.setattr(denoiser, "NATIVE", 32)  # latents of 4 x 4
    torch.manual_seed(0)
    vae, renders = autoencoder.build().eval(), Renders(artwork, tmp_path, SIDE, 1)
    whole, larger = (denoiser.Latents(vae, renders, tmp_path / f"{n}.pt", 6) for n in range(2))
    places = torch.arange(64.0).view(8, 8)
    larger.values = (1000.0 * torch.arange(1, 7)[:, None, None, None] + places).expand(6, 16, 8, 8).contiguous()
    whole.values = torch.zeros(6, 16, 4, 4)
    values, captions, highest = denoiser.Mixture(whole, [larger]).batch(random.Random(0), 200)
    is_part = highest == denoiser.PARTS_BELOW
    assert values.shape == (200, 16, 4, 4) and len(captions) == 200 and set(highest.tolist()) == {1000, 850}
    assert abs(float(is_part.float().mean()) - denoiser.PARTS) < 0.1
    assert not values[~is_part].any() and bool((values[is_part] >= 1000.0).all())
    for part in values[is_part]:
        first = part[0, 0, 0]
        torch.testing.assert_close(part[3] - first, places[:4, :4])  # neighbours stay neighbours
        assert int(first) % 1000 % 8 <= 4 and int(first) % 1000 // 8 <= 4  # and lie within the picture


def test_a_training_can_begin_with_an_exported_models_weights(monkeypatch, tmp_path):
    monkeypatch.setattr(denoiser, "build", small_unet)
    _, encoder = text.pretrained(tmp_path / "text.pt", 1)
    small_unet().save_pretrained(tmp_path / "model" / "unet")
    encoder.save_pretrained(tmp_path / "model" / "text_encoder")
    arguments = (*text.pretrained(tmp_path / "other.pt", 1, 5), CPU, 2)
    trainer = denoiser.Trainer(tmp_path / "unet.pt", *arguments, start=tmp_path / "model")
    saved = denoiser.UNet2DConditionModel.from_pretrained(tmp_path / "model" / "unet")
    for part, wanted in (("unet", saved), ("text", encoder)):
        for models in (trainer.both, trainer.average):
            for one, two in zip(models[part].parameters(), wanted.parameters()):
                assert torch.equal(one, two)


def test_a_checkpoint_is_replaced_whole(tmp_path, monkeypatch):
    path = tmp_path / "state.pt"
    assert checkpoints.load(path) is None
    checkpoints.save(path, {"step": 1, "weights": torch.ones(3)})
    monkeypatch.setattr(torch, "save", lambda *a: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError):
        checkpoints.save(path, {"step": 2})
    assert checkpoints.load(path)["step"] == 1


def test_sigterm_ends_a_stage_after_its_step_with_its_state_saved():
    kept, steps, before = [], [], signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit):
        for share in checkpoints.shares("stage", 1e6, 5.0, kept.append, str):
            steps.append(share)
            os.kill(os.getpid(), signal.SIGTERM)
    assert len(steps) == 1 and steps[0] == pytest.approx(5e-6)
    assert len(kept) == 1 and kept[0] >= 5.0
    assert signal.getsignal(signal.SIGTERM) == before  # Ray, in a test before this one, leaves one of its own


def test_a_stage_whose_time_is_over_makes_no_step():
    kept = []
    assert list(checkpoints.shares("stage", 10.0, 10.0, kept.append, str)) == [] and kept == [10.0]


def test_the_export_is_a_diffusers_folder_in_half_precision(small, monkeypatch, tmp_path):
    import diffusers

    monkeypatch.setattr(denoiser, "build", small_unet)
    tokenizer, encoder = text.pretrained(tmp_path / "text.pt", 1)
    vae = autoencoder.build()
    export.write(tmp_path / "model", vae, encoder, tokenizer, small_unet())
    assert next(vae.parameters()).dtype == torch.float32  # what trains on stays as it is
    opened = diffusers.AutoencoderDC.from_pretrained(tmp_path / "model" / "vae", torch_dtype=torch.float16)
    torch.testing.assert_close(opened.encoder.conv_out.weight.float(), vae.encoder.conv_out.weight, rtol=0, atol=1e-3)
    about = json.loads((tmp_path / "model" / "studio.json").read_text())
    assert about["subjects"] == list(SUBJECTS) and about["prompts"] == export.prompts()


def test_the_demos_prompts_show_each_subject_once_before_what_it_stands_out_from():
    assert export.prompts()[0] == PROMPT  # what the page begins with
    drawn = [prompt.replace(" an ", " a ").split(" on a ") for prompt in export.prompts()]
    assert len({subject for subject, _ in drawn}) == export.SHOWN
    assert not [1 for subject, ground in drawn if subject in ALIKE[ground.removesuffix(" background")]]
