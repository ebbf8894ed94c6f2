"""Features of frames that are kept: which goes first, which are told apart."""
from __future__ import annotations

import torch

from sparsebev.feature_cache import FeatureCache


def test_the_frame_used_longest_ago_goes_first():
    cache, asked = FeatureCache(2), []

    def compute(frame):
        asked.append(int(frame[0, 0, 0, 0]))
        return ()

    a, b, c = (torch.full((1, 3, 2, 2), value) for value in (1.0, 2.0, 3.0))
    cache.maps(torch.stack([a, b]), compute)
    cache.maps(torch.stack([a, c]), compute)
    cache.maps(torch.stack([a]), compute)
    assert asked == [1, 2, 3] and len(cache) == 2
    cache.maps(torch.stack([b]), compute)
    assert asked == [1, 2, 3, 2]
    cache.maps(torch.stack([b]), compute, state='other weights')
    assert asked == [1, 2, 3, 2, 2] and len(cache) == 1


def test_frames_that_look_alike_at_the_probes_are_told_apart():
    cache, image = FeatureCache(4), torch.zeros(6, 3, 64, 96)
    other = image.clone()
    other[3, 1, 20, 33] = 1.0
    for frame in (image, other, image):
        assert cache.maps(frame[None], lambda frame: (frame.sum(),))[0][0] == frame.sum()
