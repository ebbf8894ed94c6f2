"""Every plug-in's export, from the command line, verified from its own folder without torch."""
from __future__ import annotations

import json
from pathlib import Path

import pytest

import sparse3d_cli
from sparse3d.deploy.export import reason_against
from sparse3d.plugins import config_files, plugins
from without_torch import run_without_torch

SMALL_DSVT = ['--cfg-options', 'model.middle_encoder.blocks=[1]']
# Of each plug-in with an exporter, a config for each kind of detector.
CASES = {
    'centerpoint_simulated_kitti_car': [],
    'second_simulated_kitti_car': [],
    'pointpillars_simulated_kitti_car': [],
    'centerpoint_simulated_waymo': [],
    'transfusion_l_simulated_nuscenes': [],
    'focalsconv_centerpoint_simulated_kitti_car': [],
    'dsvt_centerpoint_simulated_kitti_car': SMALL_DSVT,
    'sparsebev_simulated_nuscenes': ['--cfg-options', 'model.bbox_head.num_passes=1'],
    'sparse4d_simulated_nuscenes': ['--cfg-options', 'model.bbox_head.decoder.num_layers=2'],
    'sdf_simulated_nuscenes': [],
}


def verified(folder: Path) -> list[str]:
    done = run_without_torch(folder / 'verify.py')
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.fixture(autouse=True)
def packages():
    for name in ('onnx', 'onnxruntime', 'onnxscript'):
        pytest.importorskip(name, reason=f'{name} is not installed (extra: export)')


@pytest.mark.slow
@pytest.mark.parametrize('config', CASES)
def test_a_config_is_exported_and_verifies_from_its_folder(config, tmp_path, capsys):
    out = tmp_path / 'out'
    assert sparse3d_cli.main(['export', config, '--out', str(out), *CASES[config]]) == 0
    assert 'MB written to' in capsys.readouterr().out
    about = json.loads((out / 'export.json').read_text())
    cases = sum(len(graph['cases']) for graph in about['graphs'])
    assert len(verified(out)) == cases >= 2
    if any(graph['domains'] for graph in about['graphs']):
        assert {case['name'] for case in about['graphs'][0]['cases']} >= {'one voxel', 'no voxel'}


@pytest.mark.slow
def test_a_published_size_on_a_real_sweep(real_data_dir, tmp_path):
    sweep = real_data_dir / 'kitti/training/velodyne/000000.bin'
    out = tmp_path / 'out'
    assert sparse3d_cli.main(['export', 'centerpoint_kitti_car', '--out', str(out), '--points',
                              str(sweep)]) == 0
    assert any('000000.bin' in line for line in verified(out))


def test_every_plug_in_that_exports_has_a_case_here():
    """By the packages of configs; a plug-in without its own is the one of the baselines."""
    for owner in plugins().values():
        if owner.exporters and owner.configs:
            names = {name for name, path in config_files().items()
                     if path.parent.name == owner.configs.rpartition('.')[2]}
            open_ones = {name for name in names
                         if reason_against(name, owner.not_exported) is None}
            assert open_ones & set(CASES), owner.name
