import json

import pytest
import torch
from torch.testing import assert_close

from itermix.mixing.curve import node_pack_weights


def every_call(file, name, steps):
    """(weights, arguments) of every recorded call: weights are None where the pack raised."""
    raised = [
        (error["alpha"], error["combo"], error["blend"])
        for error in json.loads(str(file["exceptions"]))
        if error["schedule"] == name and error["steps"] == steps
    ]
    for i, alpha in enumerate(file["alphas"].tolist()):
        for j, window in enumerate(file["combos"].tolist()):
            for k, span in enumerate(file["blends"].tolist()):
                weights = None if (alpha, window, span) in raised else file[f"{name}_n{steps}"][i, j, k]
                yield weights, (name, steps, alpha, *window, *span)


@pytest.mark.parametrize("steps", [5, 20])
@pytest.mark.parametrize("name", ["cosine", "linear", "logistic"])
def test_every_recorded_weight_of_the_pack_is_reproduced_nan_included(oracle, name, steps):
    for weights, arguments in every_call(oracle("blend_schedules"), name, steps):
        if weights is not None:
            own = node_pack_weights(*arguments)
            assert_close(own, torch.from_numpy(weights), rtol=0, atol=1e-6, equal_nan=True)


@pytest.mark.parametrize("steps", [5, 20])
def test_what_the_pack_fails_on_is_refused(oracle, steps):
    refused = [call for weights, call in every_call(oracle("blend_schedules"), "logistic", steps) if weights is None]
    assert len(refused) == 30
    for arguments in refused:
        with pytest.raises(ValueError, match="stop: 0 is not allowed"):
            node_pack_weights(*arguments)


def test_an_unknown_curve_is_refused_by_name():
    with pytest.raises(ValueError, match='"sine"'):
        node_pack_weights("sine", 5, 1.0)
