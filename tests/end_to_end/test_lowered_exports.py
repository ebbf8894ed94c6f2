"""Export in int8, calibrated on a drive, and its score in ONNX Runtime, as a user does it."""
from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from sparse3d.apis import build_model, load_config
from sparse3d.datasets.kitti.prepare import prepare_kitti
from sparse3d.datasets.kitti.simulate import KittiOptions, simulate_kitti
from sparse3d_benchmarks import precision_scores
from sparse3d_cli import main
from without_torch import run_without_torch

NAME = 'pointpillars_simulated_kitti_car'


@pytest.fixture
def drive(tmp_path, monkeypatch) -> Path:
    """Six frames as the config's data, and initial weights as its checkpoint."""
    for name in ('onnx', 'onnxruntime', 'onnxscript'):
        pytest.importorskip(name, reason=f'{name} is not installed (extra: export)')
    root = tmp_path / 'drive'
    monkeypatch.setenv('SPARSE3D_SIMULATED_KITTI', str(root))
    simulate_kitti(root, 6, options=KittiOptions(frames_per_drive=2, azimuths=400),
                   val_fraction=1 / 3)
    prepare_kitti(root, root)
    torch.save(dict(state_dict=build_model(load_config(NAME)).state_dict()), tmp_path / 'w.pth')
    return tmp_path


@pytest.mark.slow
def test_int8_is_calibrated_verified_and_scored(drive, capsys):
    weights, folder = str(drive / 'w.pth'), drive / 'int8'
    more = ['--cfg-options', 'test_dataloader.num_workers=0', 'model.test_cfg.score_thr=0.0']
    assert main(['export', NAME, weights, str(folder), '--precision', 'int8_static',
                 '--calibration-frames', '4']) == 0
    about = json.loads((folder / 'export.json').read_text())
    assert about['precision'] == 'int8_static'
    assert about['calibration'] == dict(split='train', frames=4)
    assert {'QuantizeLinear', 'DequantizeLinear'} <= set(about['graphs'][0]['operators'])
    assert run_without_torch(folder / 'verify.py').returncode == 0
    assert main(['test', NAME, weights, '--work-dir', str(drive / 'logs'), '--out',
                 str(drive / 'scores.json'), '--exported', str(folder), *more]) == 0
    assert json.loads((drive / 'scores.json').read_text())['metrics']
    torch.save(dict(state_dict={name: value + 1 for name, value in torch.load(
        weights, weights_only=True)['state_dict'].items()}), drive / 'other.pth')
    capsys.readouterr()
    assert main(['test', NAME, str(drive / 'other.pth'), '--exported', str(folder), '--work-dir',
                 str(drive / 'logs'), *more]) == 2
    assert 'other weights than the detector' in capsys.readouterr().err


@pytest.mark.slow
def test_scores_of_precisions_stand_beside_each_other(drive):
    out = drive / 'scores.json'
    with pytest.raises(SystemExit) as ended:
        precision_scores.main([NAME, str(drive / 'w.pth'), '--precisions', 'float16', '--out',
                               str(out), '--cfg-options', 'test_dataloader.num_workers=0'])
    assert ended.value.code == 0
    runs = json.loads(out.read_text())['runs']
    assert [run['name'] for run in runs] == ['PyTorch', 'ONNX Runtime, float16']
    assert runs[0]['metrics'].keys() == runs[1]['metrics'].keys()
    assert runs[1]['differences']['pillar_detector.onnx']['scores'] < 0.01
