"""What the benchmark draws and counts."""
from __future__ import annotations

import pytest
import torch
from mmdet3d.registry import MODELS
from mmengine.config import Config
from mmengine.registry import init_default_scope

import sparsefusion.register  # noqa: F401
from sparse3d.plugins import config_home, offers
from sparse3d_benchmarks import sparsefusion as benchmark
from sparse3d_benchmarks import sparsefusion_frame as benchmark_frame
from sparse3d_benchmarks.sparsefusion_frame import DrawnFrame


def draw_little(monkeypatch):
    for module in (benchmark, benchmark_frame):
        monkeypatch.setattr(module, 'POINTS', 3000)
        monkeypatch.setattr(module, 'IMAGE_SIZE', (64, 96))
    monkeypatch.setattr(benchmark_frame, 'FOCAL', 80.0)


def test_it_is_known_by_its_name():
    assert offers('benchmarks')['sparsefusion'].partition(':')[0] == benchmark.__name__


def test_the_drawn_cameras_look_all_round():
    rig = DrawnFrame.draw().rig
    around = torch.arange(12) * torch.pi / 6
    points = torch.stack([20 * around.cos(), 20 * around.sin(), torch.zeros(12)], dim=1)[None]
    pixels, depth = rig.project(points)
    seen = ((pixels[..., 0] >= 0) & (pixels[..., 0] < 800) & (depth > 0))[0]
    assert seen.any(0).all() and (seen.sum(1) >= 1).all()
    ahead = pixels[0, 0, 0]
    torch.testing.assert_close(ahead, torch.tensor([400.0, 224.0]), atol=1e-3, rtol=0)


@pytest.mark.slow
def test_every_row_is_measured(monkeypatch):
    draw_little(monkeypatch)
    # The published model takes ten minutes in bfloat16 where the processor has none.
    monkeypatch.setattr(benchmark, 'MODEL', 'sparsefusion/sparsefusion_simulated_nuscenes.py')
    rows = benchmark.run(threads=1, repeats=1)
    names = [row['name'] for row in rows]
    assert len(names) == len(set(names)) == 12
    assert all(row['value'] > 0 and row['note'] for row in rows)
    views = next(row for row in rows if row['name'].endswith('views at once'))
    assert float(views['note'].rsplit(' ', 1)[1]) < 1e-4


@pytest.mark.skipif(not torch.cuda.is_available(), reason='no GPU')
def test_memory_is_measured_on_a_gpu(monkeypatch):
    draw_little(monkeypatch)
    names = [row['name'] for row in benchmark.run(threads=1, repeats=1)]
    assert f'memory of a training step, {benchmark.BATCH} samples, GPU' in names


def test_the_batch_is_what_the_detector_takes(monkeypatch):
    """The GPU's memory row trains on it; here it goes through the same calls on the CPU."""
    draw_little(monkeypatch)
    init_default_scope('mmdet3d')
    model = MODELS.build(Config.fromfile(config_home() / benchmark.MODEL).model).train()
    inputs, samples = DrawnFrame.draw().batch(2)
    inputs['voxels'] = model.data_preprocessor.voxelize(inputs['points'], samples)
    loss, _ = model.parse_losses(model(inputs, samples, mode='loss'))
    loss.backward()
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    assert loss.isfinite() and any(weight.grad is not None for weight in trained)
