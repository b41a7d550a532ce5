"""What every host writes about a frame."""

from itermix.sequence.infotext import parameters
from itermix.sequence.plan import plan
from itermix.sequence.settings import SequenceSettings

SETTINGS = SequenceSettings(frames=3)


def test_a_sequence_is_written_under_its_key_and_a_frame_with_its_number_behind_it():
    written = {"Latent Sequence": SETTINGS.to_infotext()}
    assert parameters(SETTINGS) == written
    assert list(parameters(SETTINGS, plan(SETTINGS, 5, "a cat", "")[2]).items()) == [
        *written.items(),
        ("Latent Sequence frame", 2),
    ]
