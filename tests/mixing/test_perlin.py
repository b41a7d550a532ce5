"""Perlin noise: the pack's own numbers where its lattice is given, and what is right where the pack is not."""

import pytest
import torch
from torch.testing import assert_close

from itermix.mixing import perlin
from itermix.mixing.mixer import mixer_for
from itermix.mixing.noising import VE
from itermix.mixing.reference import Reference, SharedNoise
from itermix.mixing.settings import PERLINS, MixingSettings
from tests.mixing.pack import Recorded, denoised

KINDS = PERLINS[1:]
SCALES = {1: 10.0, 2: 2.5}  # of the recorded fields, by seed
PACKS_PERSISTENCE = 0.5**5  # the pack takes an octave's amplitude to its fifth power


@pytest.fixture(scope="module")
def recorded(oracle):
    return Recorded(oracle("node_pack_modes"))


def latent(seed, shape=(2, 4, 12, 16), dtype=torch.float32):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).to(dtype)


X, Z, NOISE = latent(0), latent(1), latent(2)


def mixed(image=slice(None), **settings):
    x, z, noise, seeds = X[image], Z[image], NOISE[image], [5, 6][image]
    chosen = MixingSettings(**{"minimum": 0.5, "maximum": 0.5, "blend": "linear", **settings})
    return mixer_for(chosen, Reference(z), noise, seeds, x, 10, VE()).mix(x, 0, 2.0)


@pytest.mark.parametrize("seed", SCALES)
def test_a_field_is_the_packs_with_the_packs_lattice(recorded, seed):
    table = recorded.arrays[f"field_{seed}_permutation"].long().repeat(2)
    size, scale = recorded.arrays[f"field_{seed}"].shape, SCALES[seed]
    cells = [int(side * 8 / scale) + 3 for side in size]
    row, column = torch.arange(cells[0])[:, None], torch.arange(cells[1])
    lattice = (table[table[table[column] + row]] & 15)[None]
    made = perlin.stretched(perlin.fractal([lattice] * 4, size, scale, PACKS_PERSISTENCE, 0.0)[0])
    assert_close(made, recorded.arrays[f"field_{seed}"], rtol=0, atol=1e-5)


def after_each_step(kind, settings, mixer, field, sigmas, mu):
    """What the pack does to the state of a step that it has mixed, by the kind of its Perlin noise."""

    def changed(x, step):
        share = settings.perlin_strength * mixer.weight(step, sigmas[step])
        at = field[step, :, :, 0].double()
        if kind == "latents":
            return x * (1.0 - share + share * at)
        if kind == "matched_noise":
            return x * (1.0 - share) + share * at
        if step + 2 == len(sigmas):
            return x
        sigma, after = sigmas[step + 1 : step + 3]  # a part of the next step is made before it
        share = settings.perlin_strength * mixer.weight(step + 1, sigma)
        return x + at * share * (x - denoised(x, sigma, mu)) / sigma * (after - sigma)

    return changed


@pytest.mark.parametrize("strength", [0.75, 0.0])
@pytest.mark.parametrize("kind", ["masks", "latents", "matched_noise"])
def test_the_packs_runs_are_ours_with_its_own_formulas_after_each_step(recorded, kind, strength):
    """These formulas are the pack's, faults included; below is what is done here."""
    name = f"perlin_{kind}" + ("" if strength else "_0")
    settings = recorded.settings(perlin_strength=strength)

    def solver(mixer, x, sigmas, start, mu, kept):
        change = after_each_step(kind, settings, mixer, recorded.arrays["perlin"], sigmas, mu)
        for step, (sigma, after) in enumerate(zip(sigmas, sigmas[1:])):
            x = mixer.begin(x, step, sigma)
            x = change(x, step - 1) if step else x
            x = x + (x - denoised(x, sigma, mu)) / sigma * (after - sigma)
        return change(mixer.end(x), len(sigmas) - 2)

    made, _ = recorded.run(name, solver)
    assert_close(made, recorded.final(name), rtol=0, atol=1e-5)
    if not strength:
        assert_close(recorded.run(name)[0], recorded.final(name), rtol=0, atol=1e-5)


def test_at_the_corners_of_the_lattice_the_noise_is_0_and_beside_them_it_goes_along_their_direction():
    lattice = torch.randint(0, 16, (3, 9, 9), generator=torch.Generator().manual_seed(0))
    whole = torch.arange(8.0)
    assert perlin.gradient_noise(lattice, whole, whole).abs().max() == 0.0
    beside = perlin.gradient_noise(lattice, whole, whole + 1e-3) / 1e-3
    expected = torch.tensor(perlin.DIRECTIONS, dtype=torch.float32)[lattice[:, :8, :8]][..., 0]
    assert_close(beside, expected, rtol=0, atol=5e-3)


def test_there_is_no_seam_however_large_the_picture():
    """The pack's lattice begins anew after 255 cells, with a jump."""
    settings = MixingSettings(perlin="mixing mask", perlin_scale=1.5, perlin_octaves=1)
    assert perlin.field(settings, 1, 1, (8, 900)).shape == (1, 8, 900)
    lattice = torch.randint(0, 16, (1, 4, 620), generator=torch.Generator().manual_seed(1))
    y, lines = torch.linspace(0.1, 1.9, 7), torch.arange(1.0, 600.0)
    gap = perlin.gradient_noise(lattice, y, lines + 1e-3) - perlin.gradient_noise(lattice, y, lines - 1e-3)
    assert gap.abs().max() < 0.01


def test_neighbours_are_closer_the_larger_the_scale():
    steps = [
        float(perlin.field(MixingSettings(perlin_scale=scale), 1, 1, (64, 64)).diff().abs().max())
        for scale in (4.0, 16.0, 64.0)
    ]
    assert steps[0] > 2.0 * steps[1] > 4.0 * steps[2] > 0.0


def test_an_octave_more_adds_half_as_much_and_leaves_the_others():
    one, two, three = (perlin.field(MixingSettings(perlin_octaves=octaves), 3, 1, (64, 64)) for octaves in (1, 2, 3))
    assert (
        0.3 < float((two - one).std() / one.std()) < 0.7 and 0.3 < float((three - two).std() / (two - one).std()) < 0.7
    )


def test_the_seed_of_the_picture_and_that_of_the_noise_give_the_field():
    def field(seed, own):
        return perlin.field(MixingSettings(perlin_seed=own), seed, 4, (16, 16))

    assert field(5, 0).equal(field(5, 0)) and field(5, 3).equal(field(8, 0))
    assert not field(5, 0).equal(field(6, 0)) and field(2**64 - 1, 2**32 - 1).isfinite().all()
    before = torch.get_rng_state()
    field(5, 0)
    assert torch.get_rng_state().equal(before)  # the pack seeds the generator of all


@pytest.mark.parametrize("kind", KINDS)
def test_an_image_of_a_batch_is_mixed_as_it_is_alone(kind):
    assert mixed(perlin=kind)[1:].equal(mixed(slice(1, 2), perlin=kind))


@pytest.mark.parametrize("kind", KINDS)
def test_of_strength_0_or_switched_off_nothing_changes_a_bit(kind):
    assert mixed(perlin=kind, perlin_strength=0.0).equal(mixed()) and mixed(perlin_strength=0.9).equal(mixed())
    assert not mixed(perlin=kind).equal(mixed())


def test_as_a_mask_it_multiplies_the_weight_between_1_minus_the_strength_and_1():
    settings = MixingSettings(perlin="mixing mask", perlin_strength=0.6)
    factor = perlin.mask_of(settings, [5, 6], X)
    assert factor.shape == (2, 1, 12, 16)
    assert_close(factor.amin((1, 2, 3)), torch.tensor([0.4, 0.4])), assert_close(factor.amax((1, 2, 3)), torch.ones(2))
    made = mixed(perlin="mixing mask", perlin_strength=0.6)
    assert_close(made, X + 0.5 * factor * (Z + 2.0 * NOISE - X), rtol=0, atol=1e-5)


def test_as_a_latent_it_has_the_references_moments_and_the_noise_level_stays():
    """The pack multiplies the noisy state instead, which takes noise away that the model expects."""
    settings = MixingSettings(perlin="latent", perlin_strength=0.25)
    reference = perlin.latent_of(settings, [5, 6], Z)
    added = (reference - 0.75 * Z) / 0.25
    moments = [torch.stack([t.flatten(2).mean(2), t.flatten(2).std(2)]) for t in (added, Z)]
    assert_close(*moments, rtol=0, atol=1e-4)
    assert not torch.allclose(added[:, 0], added[:, 1], atol=0.5)  # a field for each channel
    made = mixed(perlin="latent", perlin_strength=0.25)
    assert_close(made, X + 0.5 * (reference + 2.0 * NOISE - X), rtol=0, atol=1e-5)


def test_as_noise_it_is_matched_to_the_noise_that_it_takes_the_place_of():
    """The pack's matched noise is not matched: it lies in [0, 1], at every level."""
    settings = MixingSettings(perlin="matched noise", perlin_strength=0.6)
    source = perlin.noise_of(settings, [5, 6], SharedNoise(NOISE), X)
    added = (source.at(3) - 0.8 * NOISE) / 0.6
    assert_close(added.flatten(2).mean(2), torch.zeros(2, 4), rtol=0, atol=1e-5)
    assert_close(added.flatten(2).std(2), torch.ones(2, 4), rtol=0, atol=1e-5)
    made = mixed(perlin="matched noise", perlin_strength=0.6)
    assert_close(made, X + 0.5 * (Z + 2.0 * source.at(0) - X), rtol=0, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_a_videos_frames_have_one_field_and_half_precision_stays(kind):
    x, z, noise = (latent(seed, (1, 4, 3, 8, 8), torch.float16) for seed in (0, 1, 2))
    settings = MixingSettings(perlin=kind, minimum=0.5, maximum=0.5)
    made = mixer_for(settings, Reference(z), noise, [5], x, 10, VE()).mix(x, 0, 2.0)
    assert made.shape == x.shape and made.dtype == x.dtype and bool(made.isfinite().all())


@pytest.mark.parametrize("blend", ["two bands", "slerp"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("frames", [(), (1,), (3,)])
def test_an_image_is_the_same_in_a_batch_of_latents_of_any_kind_with_one_reference(kind, frames, blend):
    """An uploaded reference is one for all images, as is what Qwen-Image encodes of a batch."""
    x, noise = (latent(seed, (2, 4, *frames, 8, 8)) for seed in (0, 2))
    z = latent(1, (1, 4, *frames, 8, 8))
    settings = MixingSettings(perlin=kind, minimum=0.5, maximum=0.5, blend=blend)

    def of(images, seeds):
        return mixer_for(settings, Reference(z), noise[images], seeds, x[images], 10, VE()).mix(x[images], 0, 2.0)

    batch = of(slice(0, 2), [5, 6])
    assert_close(batch, torch.cat([of(slice(0, 1), [5]), of(slice(1, 2), [6])]), rtol=0, atol=1e-6)
    assert not torch.allclose(batch, mixer_for(MixingSettings(minimum=0.5, maximum=0.5, blend=blend), Reference(z),
                                               noise, [5, 6], x, 10, VE()).mix(x, 0, 2.0), atol=1e-2)  # fmt: skip


def test_at_the_finest_scale_it_is_noise_and_its_lattice_is_no_larger_than_the_picture():
    """At a scale of 1 the pack looks at the corners of its lattice alone, where all is 0, and gives NaN."""
    finest = MixingSettings(perlin_scale=1.0, perlin_octaves=8)
    made = perlin.field(finest, 1, 1, (512, 512))  # 8 octaves would have a lattice of 65538 x 65538
    assert made.equal(perlin.field(MixingSettings(perlin_scale=1.0, perlin_octaves=1), 1, 1, (512, 512)))
    assert float(made.std()) > 0.1


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (3, 200)])
@pytest.mark.parametrize("scale", [1.0, 400.0])
def test_any_size_and_scale_gives_numbers(size, scale):
    like = torch.zeros(1, 4, *size)
    for kind in KINDS:
        settings = MixingSettings(perlin=kind, perlin_scale=scale, perlin_octaves=8)
        made = mixer_for(settings, Reference(like + 1.0), like, [5], like, 10, VE()).mix(like, 0, 2.0)
        assert bool(made.isfinite().all())
