"""The picture of trainings with few labels, and files that are others."""
from __future__ import annotations

import json

import pytest
from PIL import Image

from sparse3d.errors import DataError
from sparse3d_benchmarks.label_curves import METRIC, draw_label_curves, precision_of


def runs(shift=0.0):
    return [dict(name=name, seed=seed, metrics={METRIC: value + seed + shift},
                 loss_by_epoch=[4.0, 2.0 + seed])
            for name, value in (('from scratch', 10.0), ('pre-trained', 20.0)) for seed in (0, 1)]


def stored(folder, content):
    path = folder / 'runs.json'
    path.write_text(json.dumps(content))
    return path


def test_values_of_a_row():
    assert precision_of({100: runs(30), 20: runs()}) == {
        'from scratch': {20: [10, 11], 100: [40, 41]},
        'pre-trained': {20: [20, 21], 100: [50, 51]}}


def test_a_picture(tmp_path):
    file = stored(tmp_path, dict(runs=runs()))
    draw_label_curves({20: file, 100: file}, tmp_path / 'few.webp')
    with Image.open(tmp_path / 'few.webp') as made:
        assert made.format == 'WEBP' and made.size == (1650, 440)


def test_other_files_are_refused(tmp_path):
    with pytest.raises(DataError, match='not a file of "sparse3d compare"'):
        draw_label_curves({20: stored(tmp_path, [])}, tmp_path / 'few.webp')
    with pytest.raises(DataError, match='has no other/metric'):
        draw_label_curves({20: stored(tmp_path, dict(runs=runs()))}, tmp_path / 'few.webp',
                          'other/metric')
    with pytest.raises(DataError, match='no runs to draw'):
        draw_label_curves({20: stored(tmp_path, dict(runs=[]))}, tmp_path / 'few.webp')
    assert not (tmp_path / 'few.webp').exists()
