"""What is asked of a host's insides, on plain objects of their shape."""

import copy
import pickle
import sys
from types import SimpleNamespace

import pytest
from PIL import Image

from tests.webui import fake_modules


@pytest.fixture(scope="module")
def compat():
    """The modules that answer, by their names."""
    fake_modules.install()
    from itermix.webui.compat import processing, progress

    return SimpleNamespace(processing=processing, progress=progress)


def test_what_a_host_keeps_of_each_frame_is_let_go_of_and_stays_with_copies(compat):
    p = SimpleNamespace(latents_after_sampling=[1], pixels_after_sampling=[2], width=64)
    kept = SimpleNamespace(**vars(p))
    compat.processing.let_go_of_pictures(p)
    assert vars(p) == {"latents_after_sampling": [], "pixels_after_sampling": [], "width": 64}
    assert (kept.latents_after_sampling, kept.pixels_after_sampling) == ([1], [2])
    compat.processing.let_go_of_pictures(kept := SimpleNamespace(width=64))
    assert vars(kept) == {"width": 64}


@pytest.mark.parametrize("batch_size, images, expected", [
    (4, None, 4), (4, [], 4), (4, ["a"], 4), (4, ["a", "b"], 2), (2, ["a", "b"], 2), (1, ["a", "b"], 1),
])  # fmt: skip
def test_a_batch_has_a_picture_for_each_of_several_init_images(compat, batch_size, images, expected):
    tab = {} if images is None else {"init_images": images}
    assert compat.processing.images_of_batch(SimpleNamespace(batch_size=batch_size, **tab)) == expected


@pytest.mark.parametrize("state, expected", [
    (dict(interrupted=False), False), (dict(interrupted=True), True),
    (dict(interrupted=False, stopping_generation=True), True),
    (dict(interrupted=False, stopping_generation=False), False),
])  # fmt: skip
def test_a_host_is_stopping_where_either_interrupt_was_asked_for(compat, monkeypatch, state, expected):
    monkeypatch.setattr(compat.progress.shared, "state", SimpleNamespace(**state))
    assert compat.progress.is_stopping() == expected


@pytest.mark.parametrize("pattern, expected", [
    ("holiday", "holiday"), ("holiday-[generation_number]", "holiday"), ("", "picture-3"), ("a b.c", "a b.c"),
    ("holiday ", "holiday"), ("holiday. .", "holiday"), ("holiday -[generation_number]", "holiday"),
    ("..", "picture-3"), (".", "picture-3"), (" ", "picture-3"),
])  # fmt: skip
def test_a_picture_of_the_batch_tab_has_a_folder_that_every_system_can_make(compat, monkeypatch, pattern, expected):
    """Of "holiday .png" and of "...png", which are names of files on Windows, too."""
    monkeypatch.setattr(compat.progress.shared, "state", SimpleNamespace(job="3 out of 7"))
    p = SimpleNamespace(init_images=[], override_settings={"samples_filename_pattern": pattern} if pattern else None)
    assert compat.progress.picture_of_batch_tab(p) == expected


@pytest.mark.parametrize("resize_mode, expected", [
    (0, (2.0, 1.0)), (1, (2.0, 2.0)), (2, (1.0, 1.0)), (3, (2.0, 1.0)),
])  # fmt: skip
def test_each_resize_mode_of_img2img_enlarges_in_its_own_way(compat, resize_mode, expected):
    """A picture 128 wide and 64 high, into 128 x 128: stretched, cropped, filled, or as a latent."""
    p = SimpleNamespace(
        init_images=[Image.new("RGB", (128, 64))], width=128, height=128, resize_mode=resize_mode, paste_to=None
    )
    assert compat.processing.enlargement(p) == expected


def test_the_masked_area_alone_is_enlarged_until_it_fills_one_side(compat):
    p = SimpleNamespace(init_images=[Image.new("RGB", (512, 512))], width=128, height=128, paste_to=(0, 0, 32, 64))
    assert compat.processing.enlargement(p) == (2.0, 2.0)


@pytest.fixture
def devices(monkeypatch):
    """Stand-ins for the generators of two GPUs and of a Mac, by name: what was asked for, and the state of each."""
    import torch

    states, asked = {"cuda:0": 5, "cuda:1": 6, "mps": 7}, []

    def name(place="mps"):
        return f"cuda:{place}" if isinstance(place, int) else str(place)

    def get(*place):
        asked.append(name(*place))
        return states[name(*place)]

    def seed(*names):
        return lambda value: states.update(dict.fromkeys(names, value))

    for kind in ("cuda", "mps"):
        module = getattr(torch, kind)
        monkeypatch.setattr(module, "get_rng_state", get)
        monkeypatch.setattr(module, "set_rng_state", lambda state, *place: states.update({name(*place): state}))
        monkeypatch.setattr(module, "_is_in_bad_fork", lambda: False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "manual_seed_all", seed("cuda:0", "cuda:1"))
    monkeypatch.setattr(torch.mps, "manual_seed", seed("mps"))
    return SimpleNamespace(states=states, asked=asked)


def test_encoding_a_picture_asks_no_gpu_that_the_host_does_not_use(compat, devices):
    """Each one asked gets a context, which takes hundreds of megabytes on it."""
    import torch

    from itermix.webui.compat import latents

    latents.encode_all(SimpleNamespace(sd_model=None), [Image.new("RGB", (64, 64))], torch.zeros(1, 4, 8, 8))
    assert devices.asked == []


@pytest.mark.parametrize("device", ["cuda:1", "mps"])
def test_random_numbers_of_a_seed_leave_the_hosts_generators_as_they_were(compat, devices, monkeypatch, device):
    import torch

    from itermix.webui.compat import randomness

    monkeypatch.setattr(sys.modules["modules.shared"], "device", device)
    before = torch.get_rng_state(), devices.states[device]
    with randomness.drawing_from(7):
        assert torch.initial_seed() == devices.states[device] == 7
        torch.randn(4)
    assert torch.equal(torch.get_rng_state(), before[0]) and devices.states[device] == before[1]
    assert devices.asked == [device]


class Owner:
    def made(self, what):
        return f"{what} of the host"


@pytest.fixture
def replaced(compat):
    from itermix.webui.compat.methods import replaced

    return replaced


def test_a_method_is_another_one_until_the_end(replaced):
    owner = Owner()
    with replaced(owner, {"made": lambda what: f"{what} of ours"}) as before:
        assert owner.made("sample") == "sample of ours"
        assert before["made"]("sample") == "sample of the host"
    assert owner.made("sample") == "sample of the host" and not vars(owner)


def test_what_another_extension_has_put_there_before_is_back_at_the_end(replaced):
    owner = Owner()
    owner.made = lambda what: f"{what} of theirs"
    with pytest.raises(KeyError), replaced(owner, {"made": lambda what: f"{what} of ours"}) as before:
        assert before["made"]("sample") == "sample of theirs"
        raise KeyError
    assert owner.made("sample") == "sample of theirs"


def test_what_another_extension_has_put_around_it_stays_and_reaches_what_stood_there_before(replaced):
    owner = Owner()
    with replaced(owner, {"made": lambda what: f"{what} of ours"}):
        ours = owner.made
        owner.made = lambda what: f"({ours(what)})"
        assert owner.made("sample") == "(sample of ours)"
    assert owner.made("sample") == "(sample of the host)"
    owner.made = ours  # as one does who gives back what it has found
    assert owner.made("sample") == "sample of the host"


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
@pytest.mark.parametrize("theirs", [None, len])
def test_a_copy_that_is_made_meanwhile_has_what_stood_there_before(replaced, copied, theirs):
    owner = Owner()
    if theirs is not None:
        owner.made = theirs
    own = dict(vars(owner))
    with replaced(owner, {"made": lambda what: f"{what} of ours"}):
        with replaced(owner, {"made": lambda what: f"{what} of ours within"}):
            one = copied(owner)
            assert owner.made("sample") == "sample of ours within"
        assert vars(copied(owner)) == vars(one) == own
        assert owner.made("sample") == "sample of ours"
    assert vars(owner) == own and type(one) is Owner


def test_a_class_that_copies_itself_in_a_way_of_its_own_may(replaced):
    class Own(Owner):
        def __getstate__(self):
            return "a state"

        def __setstate__(self, state):
            self.state = state

    owner = Own()
    with replaced(owner, {"made": lambda what: f"{what} of ours"}):
        assert vars(copy.copy(owner)) == {"state": "a state"}


def test_a_networks_forward_that_another_extension_has_replaced_is_back_after_windows(compat):
    import torch

    from itermix.webui.compat import networks

    class Denoiser(torch.nn.Module):
        def forward(self, x, level):
            return x * level

    denoiser = Denoiser()
    own, denoiser.forward = denoiser.forward, lambda x, level: own(x, level) + 1.0
    p = SimpleNamespace(
        sd_model=object(), sampler=SimpleNamespace(model_wrap_cfg=SimpleNamespace(inner_model=denoiser))
    )
    x = torch.ones(1, 1, 2, 2)
    with networks.evaluated(p, lambda evaluate, x: evaluate(x, None) * 10.0):
        assert float(denoiser(x, 2.0)[0, 0, 0, 0]) == 30.0
    assert float(denoiser(x, 2.0)[0, 0, 0, 0]) == 3.0
