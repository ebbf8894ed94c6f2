"""What the demo asks of its steps; tests/end_to_end/test_demo.py runs it."""
from __future__ import annotations

from types import SimpleNamespace

from sparse3d.apis import demo


def test_the_drive_is_the_same_for_every_seed_of_the_training(tmp_path, monkeypatch):
    """50 other frames move the score more than another training does."""
    asked = {}
    monkeypatch.setenv('SPARSE3D_SIMULATED_KITTI', '')
    monkeypatch.setattr(demo, 'simulate_kitti',
                        lambda root, frames, seed, workers, options: asked.update(drive=seed))
    monkeypatch.setattr(demo, 'prepare_kitti', lambda *arguments, **options: None)
    monkeypatch.setattr(demo, 'train', lambda plan, out, resume, seed: asked.update(
        training=seed) or SimpleNamespace(checkpoint=out / 'epoch_5.pth'))
    monkeypatch.setattr(demo, 'test', lambda *arguments: {demo.SCORE: 70.0})
    monkeypatch.setattr(demo, 'visualize', lambda *arguments, **options: [])
    config = 'focalsconv_centerpoint_simulated_kitti_car'
    done = demo.run_demo(config, tmp_path / 'drive', tmp_path / 'out', seed=3)
    assert asked == {'drive': 0, 'training': 3} and 'seed 3' in done.summary()
    demo.run_demo(config, tmp_path / 'drive', tmp_path / 'out', seed=3, drive_seed=5)
    assert asked == {'drive': 5, 'training': 3}
