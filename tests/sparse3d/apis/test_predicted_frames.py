"""The layer of importance of frames is filled by what a plug-in says of points."""
from __future__ import annotations

import numpy as np
import pytest
from torch import nn

from sparse3d.apis import predicted_frames, visualize
from sparse3d.apis.predicted_frames import with_point_values
from sparse3d.errors import ConfigError
from sparse3d.visualization.frame import Frame


def test_pictures_with_values_of_points_fill_the_layer(monkeypatch):
    def values(model, batch, frame):
        assert len(batch['x']) == 1     # collated
        return np.full(len(frame.points), 0.5)

    monkeypatch.setattr(predicted_frames, 'offers', lambda kind: {'heat': 'there:values'})
    monkeypatch.setattr(predicted_frames, 'offer', lambda kind, name: values)
    fill = with_point_values(['other', 'heat'])
    filled = fill(nn.Identity(), dict(x=1), Frame('7', np.zeros((3, 4)), ()))
    assert filled.importance.tolist() == [0.5] * 3
    assert with_point_values(['other']) is None


def test_the_plug_in_offers_them():
    assert with_point_values(['importance']) is not None


def test_coloring_by_importance_needs_a_detector(tmp_path):
    with pytest.raises(ConfigError, match='give a checkpoint and --pictures importance'):
        visualize('focalsconv_centerpoint_kitti_car', out=tmp_path, color_by='importance')
