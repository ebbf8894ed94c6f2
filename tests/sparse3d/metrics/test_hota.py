"""HOTA beside TrackEval, and by hand."""
from __future__ import annotations

import numpy as np
import pytest

from sparse3d.metrics.hota import ALPHAS, combine_hota, hota
from sparse3d.metrics.identity_frames import IdentityFrames
from tracked_world import for_trackeval, random_sequence

# What TrackEval 1.3.0 says of random_sequence(0..7) together.
STORED = {'HOTA': 0.5284689906449921, 'DetA': 0.5690093206980315, 'AssA': 0.49132058187139643,
          'DetRe': 0.7077669902912621, 'DetPr': 0.6857949200376293, 'AssRe': 0.534656373593258,
          'AssPr': 0.7538063711434491, 'LocA': 0.8577990386882545}


def test_equals_stored_numbers_of_trackeval():
    parts = [hota(IdentityFrames.of(*random_sequence(seed))) for seed in range(8)]
    assert combine_hota(parts).summary() == pytest.approx(STORED, abs=1e-12)


def test_of_a_track_that_breaks_in_the_middle():
    frames = IdentityFrames.of([['a']] * 4, [[1], [1], [2], [2]], [[[1.0]]] * 4)
    result = hota(frames).summary()
    assert result['DetA'] == result['LocA'] == 1
    assert result['AssA'] == pytest.approx(.5) and result['HOTA'] == pytest.approx(.5 ** .5)


def test_only_pairs_that_are_close_enough_count():
    result = hota(IdentityFrames.of([['a']] * 3, [[1]] * 3, [[[.5]]] * 3))
    assert result.tp.tolist() == [3 if alpha < .51 else 0 for alpha in ALPHAS]


def test_without_objects_or_tracks():
    result = hota(IdentityFrames.of([[], []], [[1], [1]], [[], []]))
    assert result.fp.tolist() == [2] * len(ALPHAS) and result.summary()['HOTA'] == 0
    assert hota(IdentityFrames.of([['a']], [[]], [[]])).fn.tolist() == [1] * len(ALPHAS)


@pytest.mark.parametrize('kind', ['usual', 'no tracks', 'no objects'])
def test_equals_trackeval(kind):
    trackeval = pytest.importorskip('trackeval.metrics', reason='the judge pins other versions of '
                                    'numpy: pip install --no-deps trackeval tabulate')
    theirs, ours, judge = {}, [], trackeval.HOTA()
    for seed in range(8):
        gt, pred, similarity = random_sequence(seed)
        if kind != 'usual' and seed == 3:
            empty = [[] for _ in gt]
            gt, pred = (gt, empty) if kind == 'no tracks' else (empty, pred)
            similarity = empty
        frames = IdentityFrames.of(gt, pred, similarity)
        ours.append(hota(frames))
        theirs[str(seed)] = judge.eval_sequence(for_trackeval(frames))
        for name, value in ours[-1].summary().items():
            assert value == pytest.approx(np.mean(theirs[str(seed)][name]), abs=1e-12), name
    together = judge.combine_sequences(theirs)
    for name, value in combine_hota(ours).summary().items():
        assert value == pytest.approx(np.mean(together[name]), abs=1e-12), name
    assert .1 < combine_hota(ours).summary()['HOTA'] < .9
