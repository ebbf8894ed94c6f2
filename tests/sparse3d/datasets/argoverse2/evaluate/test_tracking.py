"""Tracking scores equal to those of av2 0.3.6, for both objectives and two ranges, and by hand."""
from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from sparse3d.datasets.argoverse2.categories import CLASSES
from sparse3d.datasets.argoverse2.evaluate.tracking import (
    OBJECTIVES,
    PlacedTracks,
    TrackedSweep,
    TrackingRules,
    evaluate_argoverse2_tracking,
    score_thresholds,
)
from sparse3d.errors import DataError


def tracks(ids=(), xy=(), names='BUS', scores=None) -> PlacedTracks:
    count = len(ids)
    names = np.array([names] * count if isinstance(names, str) else names, object)
    return PlacedTracks(np.array(ids, object), names, np.array(xy, float).reshape(-1, 2),
                        np.ones(count) if scores is None else np.array(scores, float))


def sweep(time, gt, pred, log='log') -> TrackedSweep:
    return TrackedSweep(log, time, np.zeros(2), gt, pred)


@pytest.fixture(scope='module')
def golden(golden_dir):
    """Sweeps in shuffled order, and what the official package says of them."""
    folder = golden_dir / 'metrics_argoverse2'
    with np.load(folder / 'tracking_inputs.npz') as stored:
        given = dict(stored)
    categories = np.array(json.loads((folder / 'names.json').read_text())['categories'], object)
    sweeps = []
    for row in range(len(given['frame_log'])):
        sides = {}
        for side in ('labels', 'predictions'):
            rows = given[f'{side}_frame'] == row
            score = given['predictions_score'][rows] if side == 'predictions' else None
            sides[side] = tracks(given[f'{side}_id'][rows], given[f'{side}_xyz'][rows, :2],
                                 categories[given[f'{side}_category'][rows]], score)
        sweeps.append(TrackedSweep(str(given['frame_log'][row]), int(given['frame_timestamp'][row]),
                                   given['frame_ego'][row, :2], sides['labels'],
                                   sides['predictions']))
    np.random.default_rng(0).shuffle(sweeps)
    return sweeps, json.loads((folder / 'tracking_results.json').read_text())


@pytest.mark.parametrize('objective', OBJECTIVES)
@pytest.mark.parametrize('max_range', [50, 100])
def test_equals_the_official_package(golden, objective, max_range):
    sweeps, results = golden
    expected = results[f'{objective}_{max_range}']
    found = evaluate_argoverse2_tracking(sweeps, TrackingRules(max_range=max_range))
    of = found.by_class[objective]
    assert set(of) == set(expected['mean']) == set(CLASSES)
    for name in CLASSES:
        assert of[name].mean == pytest.approx(expected['mean'][name], abs=1e-12), name
        assert of[name].tuned == pytest.approx(expected['tuned'][name], abs=1e-12), name
    for name, value in expected['threshold'].items():
        assert of[name].threshold == pytest.approx(value, abs=1e-12), name
    for name, numbers in expected['classes'].items():
        compare_tables(of[name], numbers)


def compare_tables(found, numbers) -> None:
    hota, clear = found.hota, found.clear
    arrays = dict(HOTA=hota.hota, DetA=hota.det_a, AssA=hota.ass_a, AssRe=hota.ass_re,
                  AssPr=hota.ass_pr, LocA=hota.loc_a)
    for key, value in arrays.items():
        np.testing.assert_allclose(value, numbers['HOTA'][key], atol=1e-12, err_msg=key)
    for key, value in dict(HOTA_TP=hota.tp, HOTA_FN=hota.fn, HOTA_FP=hota.fp).items():
        assert value.tolist() == numbers['HOTA'][key]
    for key, value in (clear.summary() | dict(CLR_Frames=clear.frames)).items():
        assert value == pytest.approx(numbers['CLEAR'][key], abs=1e-12), key
    assert (found.objects, found.tracks) == (numbers['Count']['GT_Dets'], numbers['Count']['Dets'])


def test_an_object_that_is_followed_and_one_that_changes():
    sweeps = [sweep(time, tracks(['a', 'b'], [[0, time], [20, time]]),
                    tracks([1, 2 + (time > 4)], [[.2, time], [20, time]], scores=[.9, .8]))
              for time in range(10)]
    bus = evaluate_argoverse2_tracking(sweeps).by_class['MOTA']['BUS']
    assert (bus.clear.switches, bus.clear.tp, bus.tuned) == (1, 20, pytest.approx(19 / 20))
    assert bus.hota.summary()['AssA'] < 1
    apart = [replace(one, pred=replace(one.pred, xy=one.pred.xy + [0, 1.5])) for one in sweeps]
    assert evaluate_argoverse2_tracking(apart).by_class['MOTA']['BUS'].clear.tp == 0   # 1 m


def test_recalls_that_are_not_reached_take_all_tracks():
    thresholds = score_thresholds(np.array([.5, .9, .7]), 10, TrackingRules())
    assert thresholds[:7].tolist() == [0] * 7
    np.testing.assert_allclose(thresholds[7:], [.5, .7, .9])


def test_range_is_horizontal_and_includes_its_end():
    far = [sweep(0, tracks(['a', 'b'], [[50, 0], [50.001, 0]]), tracks())]
    found = evaluate_argoverse2_tracking(far)
    assert found.by_class['HOTA']['BUS'].objects == 1
    assert 'note: 25 of 26 classes have neither' in found.table()
    assert evaluate_argoverse2_tracking(far, TrackingRules(max_range=60)).by_class[
        'HOTA']['BUS'].objects == 2


def test_what_is_refused():
    twice = tracks([1, 1], [[0, 0], [3, 0]], ['BUS', 'TRUCK'])
    with pytest.raises(DataError, match='tracks of the log log at 7 ns have the identity 1 twice'):
        evaluate_argoverse2_tracking([sweep(7, tracks(), twice)])
    with pytest.raises(DataError, match='log log at 7 ns is there twice'):
        evaluate_argoverse2_tracking([sweep(7, tracks(), tracks())] * 2)
    with pytest.raises(DataError, match='max_range of the tracking scores is 0'):
        TrackingRules(max_range=0)
