"""A quirk of the training: importance targets from boxes of twice the size."""
from __future__ import annotations

import numpy as np

from focalsconv_golden import NUSCENES, Golden, encode_all, in_order


def test_doubled_targets_are_needed(golden_dir, one_thread):
    golden = Golden(golden_dir)
    settings = {**NUSCENES, 'top_k': False, 'stages': (1,)}
    for doubled in (True, False):
        encoder = golden.encoder('state_nusc_thr', **{
            **settings, 'published': dict(NUSCENES['published'], doubled_targets=doubled)})
        _, _, encoded = encode_all(encoder, golden, 'nusc_thr')
        importance = encoded.importance[1]
        targets = in_order(importance.coordinates, encoder.importance_targets(
            1, importance, golden.boxes('nusc_thr')))[1]
        assert np.array_equal(targets, golden.losses['nusc_thr.target']) is doubled
