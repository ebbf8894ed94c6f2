from __future__ import annotations

import pytest
import torch

from sparse3d.apis import build_model, load_config
from sparse3d.apis.view import view
from sparse3d.errors import ConfigError


def test_frames_of_a_split_are_predicted_when_they_are_looked_at(tiny_config, tmp_path):
    pytest.importorskip('viser', reason='viser is not installed')
    torch.save(build_model(load_config(tiny_config)).state_dict(), tmp_path / 'model.pth')
    seen = []

    def look(viewer):
        viewer.state.go(3)
        seen.append((viewer.state.count, len(viewer.state.frame.detections),
                     viewer.state.frame.name))
        viewer.stop()
    view(tiny_config, tmp_path / 'model.pth', port=0, device='cpu', ready=look)
    assert seen == [(4, 1, '000003')]


def test_two_sources_of_detections_are_refused(tiny_config, tmp_path):
    torch.save(build_model(load_config(tiny_config)).state_dict(), tmp_path / 'model.pth')
    with pytest.raises(ConfigError, match='not from both'):
        view(tiny_config, tmp_path / 'model.pth', results=tmp_path)
