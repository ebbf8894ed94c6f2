"""Pictures of importance: what is drawn, where the files go, and who has nothing to show."""
from __future__ import annotations

import numpy as np
import pytest
import torch
from matplotlib.image import imread

from focalsconv import FocalSparseEncoder
from focalsconv.importance_pictures import (
    ImportantVoxels,
    draw_importance,
    importance_of_points,
    important_voxels,
    nearest_importance,
    write_importance,
)
from sparse3d.errors import ConfigError
from sparse3d.visualization.frame import Boxes, Frame, Picture

GRID = dict(in_channels=4, sparse_shape=[41, 48, 40], voxel_size=[0.05, 0.05, 0.1],
            point_cloud_range=[0, -1.2, -3, 2, 1.2, 1])
AHEAD = np.array([[32., -32, 0, 0], [24, 0, -32, -40], [1, 0, 0, 0], [0, 0, 0, 1]])


@pytest.fixture
def frame() -> Frame:
    truth = Boxes(np.array([[1., 0, -1, 0.5, 0.4, 0.3, 0.2]]), np.array([0]))
    picture = Picture('CAM2', np.zeros((48, 64, 3), np.uint8), AHEAD)
    return Frame('000/1', np.random.rand(50, 4).astype(np.float32), ('Car',), truth,
                 pictures=(picture, ))


def bright(path) -> int:
    """Pixels of the ramp's upper end (yellow)."""
    red, green, blue = imread(path)[..., :3].transpose(2, 0, 1)
    return int(((red > 0.85) & (green > 0.6) & (blue < 0.75)).sum())


def test_important_voxels_are_bright_in_both_pictures(tmp_path, frame):
    positions = np.array([[1.0, 0.1, -1.2], [1.5, -0.1, -1.1]])

    def drawn(importance: float) -> list[int]:
        paths = draw_importance([ImportantVoxels('stage 1', positions, np.full(2, importance))],
                                frame, tmp_path)
        assert [path.name for path in paths] == ['000%2F1_importance.png',
                                                 '000%2F1_importance_CAM2.png']
        return [bright(path) for path in paths]
    important, other = drawn(0.99), drawn(0.2)
    assert important[0] > other[0] and important[1] > other[1] == 0


def test_one_panel_for_each_focal_layer_and_empty_samples(tmp_path, frame):
    encoder = FocalSparseEncoder(**GRID, focal=dict(stages=(1, 3)))
    cells = torch.randint(0, 40, (100, 3))
    coordinates = torch.nn.functional.pad(cells.unique(dim=0), (1, 0)).int()
    for count in (len(coordinates), 0):
        _, auxiliary = encoder.encode(torch.randn(count, 4), coordinates[:count], 1)
        paths = draw_importance(important_voxels(encoder, auxiliary), frame, tmp_path)
        assert len(paths) == 2 and all(path.is_file() for path in paths)


def test_a_plain_encoder_has_nothing_to_show(tmp_path, frame):
    encoder = FocalSparseEncoder(**GRID, focal=dict(stages=()))
    _, auxiliary = encoder.encode(torch.randn(1, 4), torch.zeros(1, 4).int(), 1)
    with pytest.raises(ConfigError, match='no focal layer'):
        draw_importance(important_voxels(encoder, auxiliary), frame, tmp_path)


def test_another_encoder_is_refused_by_its_name(tmp_path, frame):
    model = torch.nn.Module()
    model.middle_encoder = torch.nn.Linear(1, 1)
    with pytest.raises(ConfigError, match='Module with Linear predicts no importance'):
        write_importance(model, {}, frame, tmp_path)


def test_a_point_has_the_importance_of_its_voxel():
    layer = ImportantVoxels('stage 1', np.array([[0.05, 0.05, 0.1], [0.15, 0.05, 0.1]]),
                            np.array([0.2, 0.9]))
    points = np.array([[0.01, 0.09, 0.19], [0.11, 0.02, 0.01], [0.99, 0, 0], [np.nan, 0, 0]])
    size = np.array([0.1, 0.1, 0.2])
    assert nearest_importance(layer, points, size).tolist() == [0.2, 0.9, 0, 0]
    nothing = ImportantVoxels('stage 1', np.zeros((0, 3)), np.zeros(0))
    assert nearest_importance(nothing, points, size).tolist() == [0, 0, 0, 0]


def test_points_of_another_encoder_have_no_importance(frame):
    model = torch.nn.Module()
    model.middle_encoder = torch.nn.Linear(1, 1)
    with pytest.raises(ConfigError, match='Module with Linear predicts no importance'):
        importance_of_points(model, {}, frame)
