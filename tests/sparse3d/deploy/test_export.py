"""Whose exporter a config gets, and configs that say why there is none."""
from __future__ import annotations

from pathlib import Path

import pytest

from sparse3d.deploy.export import export, reason_against
from sparse3d.errors import ConfigError
from sparse3d.plugins import config_files, plugins


def test_what_stops_a_config_is_told_before_a_model_is_built(tmp_path):
    for name, words in (('focalsconv_voxel_rcnn_kitti_car', 'its RoI head pools'),
                        ('focalsconv_f_centerpoint_nuscenes', 'reads image features'),
                        ('sparsefusion_simulated_nuscenes', 'loop over the cameras'),
                        ('hednet_nuscenes_20e', 'by inverse sparse convolutions'),
                        ('voxelkp_simulated_waymo', 'sorts voxels into windows')):
        with pytest.raises(ConfigError, match=f'{name} cannot be exported: .*{words}'):
            export(name, None, tmp_path / 'out')
    assert not (tmp_path / 'out').exists()


def test_every_reason_stops_a_config_and_leaves_others():
    names = {Path(path).stem for path in config_files()}
    for owner in plugins().values():
        for pattern in owner.not_exported:
            assert any(reason_against(name, {pattern: 'x'}) for name in names), pattern
    assert reason_against('a', {'b*': 'x'}) is None


def test_every_plug_in_with_models_exports_or_says_why_not():
    for owner in plugins().values():
        if owner.configs or owner.trial_configs:
            assert owner.exporters or owner.not_exported, owner.name
        assert set(owner.exports) <= set(owner.exporters), owner.name
        assert all(owner.exports.get(name) for name in owner.exporters), owner.name


def test_a_file_name_is_refused_with_the_folder_to_name(tmp_path):
    with pytest.raises(ConfigError, match=r'an export is a folder .* instead of .*x\.onnx'):
        export('centerpoint_simulated_kitti_car', None, tmp_path / 'x.onnx')
    (tmp_path / 'there').mkdir()
    (tmp_path / 'there' / 'a').write_text('a')
    with pytest.raises(ConfigError, match='there is there already'):
        export('centerpoint_simulated_kitti_car', None, tmp_path / 'there')
