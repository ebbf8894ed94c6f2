"""The trial of the pictures: mistakes are put in as they are written down, and answers counted."""
from __future__ import annotations

import json
import sys
from argparse import Namespace
from pathlib import Path

import numpy as np

from sparse3d.visualization.frame import Boxes, Frame

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / 'tools'))

import blind_trial  # noqa: E402

NAMES = ('car', 'truck', 'pedestrian')


def street() -> Frame:
    boxes = np.array([[8.0 + 6 * (row % 4), 8.0 * (row // 4 - 1), -1.7, 4, 2, 1.6, 0.1, 0, 0]
                      for row in range(12)])
    rng = np.random.default_rng(0)
    inside = rng.uniform(-0.5, 0.5, (12, 40, 3)) * [1.5, 1.5, 1.0]
    points = (boxes[:, None, :3] + [0, 0, 0.8] + inside).reshape(-1, 3)
    return Frame('7', points, NAMES, Boxes(boxes, np.arange(12) % 3))


def test_what_is_written_down_is_what_was_done():
    frame, kinds = street(), set()
    for seed in range(40):
        found, said = blind_trial.with_mistakes(frame, np.random.default_rng(seed))
        truth = frame.ground_truth
        apart = np.linalg.norm(found.boxes[:, None, :2] - truth.boxes[None, :, :2], axis=-1)
        of_object = apart < 1
        missed = truth.labels[~of_object.any(axis=0)]
        assert sorted(NAMES[label] for label in missed) == said['missed']
        false = found.labels[~of_object.any(axis=1)]
        assert sorted(NAMES[label] for label in false) == said['false']
        rows = np.flatnonzero(of_object.any(axis=1))
        right = truth.labels[of_object[rows].argmax(axis=1)]
        wrong = [f'{NAMES[one]} as {NAMES[other]}' for one, other in
                 zip(right, found.labels[rows], strict=True) if one != other]
        assert wrong == said['wrong_class']
        kinds |= {kind for kind in said if said[kind]}
    assert kinds == set(blind_trial.KINDS)


def test_answers_are_counted_by_class():
    truth = dict(a=dict(missed=['car', 'car'], false=['truck'], wrong_class=[]),
                 b=dict(missed=[], false=[], wrong_class=[]))
    assert blind_trial.count_right(truth, truth)[-1] == 'in all 3 of 3 named, 0 said that are none'
    answers = dict(a=dict(missed=['car'], false=['car'], wrong_class=[]), b=dict(missed=['car']))
    lines = blind_trial.count_right(truth, answers)
    assert lines[0] == 'a missed: 1 of 2 named'
    assert lines[1] == 'a false: 0 of 1 named, 1 said that are none'
    assert lines[-1] == 'in all 1 of 3 named, 2 said that are none'
    assert blind_trial.count_right(truth, {})[-1] == 'in all 0 of 3 named, 0 said that are none'


def test_the_stored_answers_can_be_counted(tmp_path):
    answers = json.loads((ROOT / 'docs/blind_trial.json').read_text())
    (tmp_path / 'truth.json').write_text(json.dumps(answers))
    lines = blind_trial.check(Namespace(out=str(tmp_path), answers=ROOT / 'docs/blind_trial.json'))
    assert lines[-1] == 'in all 64 of 64 named, 0 said that are none'
