"""The groups that Latent Sequence's fields come from make one list, whose order is the API's."""

from itermix.sequence.settings import SequenceSettings

# As clients of the API have counted them; new ones go behind.
ORDER = """frames prompts negative_prompts keyframes travel conditioning_slerp conditioning_slerp_strength
latent_interpolation latent_interpolation_strength denoise_start denoise_seq denoise_sine denoise_max unsample
unsample_steps inject_noise noise_strength seed_mode alternate seed_keying seed_divisor node_seeds mixing_reference
colour_anchor video_format fps hold_first hold_last ping_pong finish_interrupted resume prompt_format pre_text
append_text denoise_schedule cfg_schedule alpha_1_schedule noise_schedule interpolation_schedule
conditioning_slerp_schedule seed_schedule values_between""".split()


def test_positional_arguments_keep_their_places():
    names = [field.name for field in SequenceSettings.fields()]
    assert names[: len(ORDER)] == ORDER


def test_no_two_groups_have_a_field_of_the_same_name():
    """The later one would take the place of the first without a word."""
    groups = [group for group in SequenceSettings.__mro__[1:] if "__dataclass_fields__" in vars(group)]
    declared = [name for group in groups for name in vars(group)["__dataclass_fields__"]]
    assert len(groups) > 1
    assert sorted(declared) == sorted(field.name for field in SequenceSettings.fields())
