"""Anchors of the labeled boxes of a config's data set, of any kind, from the command line too."""
from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmdet3d.structures import LiDARInstance3DBoxes

import sparse3d_cli
from sparse3d.apis import anchors
from sparse3d.errors import DataError


class Labeled:
    """Samples with a box each, on a circle; the third one has none."""

    def __init__(self, count: int = 12, key: str = 'ann_info') -> None:
        angle = torch.linspace(0, 6, count)
        self.key, self.boxes = key, torch.zeros(count, 9)
        self.boxes[:, 0], self.boxes[:, 1] = 20 * angle.cos(), 20 * angle.sin()
        self.boxes[:, 2], self.boxes[:, 3:6] = -1, torch.tensor([4.0, 2, 1.5])

    def __len__(self) -> int:
        return len(self.boxes)

    def get_data_info(self, index: int) -> dict:
        rows = [] if index == 2 else [index]
        return {self.key: dict(gt_bboxes_3d=LiDARInstance3DBoxes(self.boxes[rows], box_dim=9))}


@pytest.fixture
def data_set(monkeypatch):
    """Function that makes samples stand for the data set of every config; gives what was asked."""
    def use(samples) -> SimpleNamespace:
        asked = SimpleNamespace()

        def load(config, options):
            asked.config, asked.options = config, options
            return config

        def build(config, split):
            asked.split = split
            return samples
        monkeypatch.setattr(anchors, 'load_config', load)
        monkeypatch.setattr(anchors, 'build_dataset', build)
        return asked
    return use


@pytest.mark.parametrize('key', ['ann_info', 'eval_ann_info'])
def test_anchors_stand_at_gravity_centers(data_set, tmp_path, key):
    data_set(Labeled(key=key))
    said = anchors.make_anchors('a', tmp_path / 'a.npy', count=4)
    found = np.load(tmp_path / 'a.npy', allow_pickle=False)
    assert found.shape == (4, 11) and '4 anchors of 11 boxes in 12 samples' in said
    np.testing.assert_allclose(found[:, 2], -1 + 0.75, atol=1e-5)
    np.testing.assert_allclose(np.exp(found[0, 3:6]), [4, 2, 1.5], rtol=1e-5)


def test_from_the_command_line(data_set, tmp_path, capsys):
    asked = data_set(Labeled())
    out = tmp_path / 'anchors.npy'
    assert sparse3d_cli.main(['create-data', 'anchors', 'centerpoint_kitti_car', '--out', str(out),
                              '--count', '3', '--split', 'val', '--cfg-options',
                              'data_root=there']) == 0
    assert capsys.readouterr().out.startswith(f'{out}: 3 anchors of 11 boxes')
    assert (Path(asked.config).stem, asked.split) == ('centerpoint_kitti_car', 'val')
    assert asked.options == {'data_root': 'there', 'val_dataloader.dataset.check_files': False}


def test_no_boxes_or_too_few_leave_no_file(data_set, tmp_path):
    data_set(Labeled())
    with pytest.raises(DataError, match='12 anchors cannot be made of 11 places'):
        anchors.make_anchors('a', tmp_path / 'a.npy', count=12)
    data_set([])
    with pytest.raises(DataError, match='the train split of a has no labeled box'):
        anchors.make_anchors('a', tmp_path / 'a.npy')
    assert list(tmp_path.iterdir()) == []
