"""CLEAR MOT beside TrackEval, and by hand."""
from __future__ import annotations

import pytest

from sparse3d.metrics.clear_mot import ClearMot, clear_mot
from sparse3d.metrics.identity_frames import IdentityFrames
from tracked_world import for_trackeval, random_sequence

# What TrackEval 1.3.0 says of random_sequence(0..7) together.
STORED = {'MOTA': 0.545631067961165, 'MOTP': 0.8387919943666192, 'MODA': 0.6145631067961165,
          'sMOTA': 0.41290836041057577, 'CLR_Re': 0.8233009708737864, 'CLR_Pr': 0.7977422389463782,
          'MT': 28, 'PT': 20, 'ML': 0, 'IDSW': 71, 'Frag': 214, 'CLR_TP': 848, 'CLR_FN': 182,
          'CLR_FP': 215}


def test_equals_stored_numbers_of_trackeval():
    parts = [clear_mot(IdentityFrames.of(*random_sequence(seed))) for seed in range(8)]
    assert sum(parts, ClearMot()).summary() == pytest.approx(STORED, abs=1e-12)


def test_a_switch_a_gap_and_a_false_box():
    frames = IdentityFrames.of(
        [['a']] * 5, [[1], [], [2], [2, 5], [2]],
        [[[.9]], [], [[.9]], [[.9, 0]], [[.9]]])
    result = clear_mot(frames)
    assert (result.tp, result.fn, result.fp, result.switches) == (4, 1, 1, 1)
    assert result.summary()['MOTA'] == pytest.approx((4 - 1 - 1) / 5)
    assert result.summary()['MOTP'] == pytest.approx(.9)
    assert (result.mostly_tracked, result.partly_tracked) == (0, 1)  # 80 % is not more than 80 %


def test_the_track_of_the_frame_before_is_kept_though_another_is_closer():
    frames = IdentityFrames.of([['a'], ['a']], [[1], [1, 2]], [[[.9]], [[.6, .9]]])
    assert clear_mot(frames).switches == 0
    assert clear_mot(frames, threshold=.7).switches == 1


def test_without_objects_or_tracks():
    assert clear_mot(IdentityFrames.of([[]], [[1]], [[]])) == ClearMot(fp=1, frames=1)
    assert clear_mot(IdentityFrames.of([['a']], [[]], [[]])) == ClearMot(
        fn=1, mostly_lost=1, frames=1)


def test_equals_trackeval():
    trackeval = pytest.importorskip('trackeval.metrics', reason='the judge pins other versions of '
                                    'numpy: pip install --no-deps trackeval tabulate')
    judge = trackeval.CLEAR({'THRESHOLD': .5, 'PRINT_CONFIG': False})
    theirs, ours = {}, ClearMot()
    for seed in range(12):
        gt, pred, similarity = random_sequence(seed)
        pred = [[] for _ in gt] if seed == 5 else pred
        frames = IdentityFrames.of(gt, pred, similarity if seed != 5 else pred)
        mine = clear_mot(frames)
        theirs[str(seed)] = judge.eval_sequence(for_trackeval(frames))
        if seed != 5:  # TrackEval gives no more than the misses of a sequence without tracks
            for name, value in mine.summary().items():
                assert value == pytest.approx(theirs[str(seed)][name], abs=1e-12), (seed, name)
        ours = ours + mine
    together = judge.combine_sequences(theirs)
    for name, value in ours.summary().items():
        assert value == pytest.approx(together[name], abs=1e-12), name
    assert ours.switches > 10 and ours.fragments > 10
