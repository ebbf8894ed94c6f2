from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from sparse3d.errors import BackendUnavailable
from sparse3d.visualization import Boxes, Frame, SceneRenderer, Style, scene_3d, show_scene
from sparse3d.visualization.colors import CLASSES, LIGHT
from sparse3d.visualization.scene_3d import scene_geometries

BOXES = np.array([[15.0, 4, -1.7, 4, 2, 1.6, 0.4], [25, -5, -1.7, 4, 2, 1.6, 2.0]])


def frame(points=500, gt=BOXES[:1], pred=BOXES[1:], gt_label=1):
    made = np.random.default_rng(0)
    return Frame('000001', made.uniform([5, -10, -1.8, 0], [40, 10, -1.7, 1], (points, 4)),
                 ('Car', 'Van'), Boxes(gt, np.full(len(gt), gt_label)),
                 Boxes(pred, np.zeros(len(pred), int), np.full(len(pred), 0.8)))


@pytest.fixture(scope='module')
def renderer():
    problem = scene_3d.rendering_problem()
    if problem is not None:
        pytest.skip(problem)
    return SceneRenderer((640, 360))


def near(image, color):
    return (np.abs(image - 255 * np.array(color)).max(axis=-1) < 25)


def test_points_truth_and_detections_are_seen(renderer, tmp_path):
    renderer.draw(frame(), tmp_path / 'a.png')
    image = np.asarray(Image.open(tmp_path / 'a.png').convert('RGB')).astype(int)
    assert image.shape == (360, 640, 3)
    below = image[90:]                                        # without title and legend
    assert near(below, CLASSES[1]).sum() > 100
    assert near(below, CLASSES[0]).sum() > 50
    left = np.nonzero(near(below, CLASSES[1]))[1].mean()
    right = np.nonzero(near(below, CLASSES[0]))[1].mean()
    assert left < 320 < right                                 # y is to the left


def test_a_light_picture_seen_from_above(renderer, tmp_path):
    drawn = SceneRenderer(style=Style(theme=LIGHT, view='top', size=(320, 240)))
    canvas = drawn.canvas(frame())
    image = canvas.array().astype(int)
    assert image.shape == (240, 320, 3) and near(image, (1, 1, 1)).mean() > 0.5
    assert near(image, LIGHT.classes[0]).sum() > 10
    texts = [text.get_text() for text in canvas.axes.texts]
    assert 'Car 0.80' in texts and 'Van, labeled' in texts


def test_ground_truth_is_dashed():
    pytest.importorskip('open3d')
    items = {item['name']: item['geometry'] for item in scene_geometries(frame())}
    assert len(items['ground truth Van'].lines) > len(items['detected Car'].lines) == 13


def test_one_renderer_forgets_the_frame_before(renderer, tmp_path):
    renderer.draw(frame(), tmp_path / 'a.png')
    renderer.draw(frame(0, gt=BOXES[:0], pred=BOXES[:0]), tmp_path / 'b.png')
    image = np.asarray(Image.open(tmp_path / 'b.png').convert('RGB')).astype(int)
    assert near(image[90:], CLASSES[1]).sum() == 0


def test_an_empty_frame_is_drawn(renderer, tmp_path):
    renderer.draw(Frame('1', np.zeros((0, 4)), ()), tmp_path / 'a.png')
    assert (tmp_path / 'a.png').stat().st_size > 1000


def test_nothing_of_the_native_renderer_reaches_the_console(renderer, tmp_path, capfd):
    renderer.draw(frame(), tmp_path / 'a.png')
    assert 'FEngine' not in ''.join(capfd.readouterr())


def test_without_drivers_the_remedy_is_named(monkeypatch):
    monkeypatch.setattr(scene_3d, 'rendering_problem', lambda: 'open3d cannot render here; do x')
    with pytest.raises(BackendUnavailable, match='do x'):
        SceneRenderer()


def test_the_trial_reports_a_process_that_dies(monkeypatch):
    from types import SimpleNamespace
    monkeypatch.setattr(scene_3d.subprocess, 'run', lambda *a, **k: SimpleNamespace(returncode=-6))
    scene_3d.rendering_problem.cache_clear()
    try:
        assert 'mesa-vulkan-drivers' in scene_3d.rendering_problem()
    finally:
        scene_3d.rendering_problem.cache_clear()


def test_no_window_without_display(monkeypatch):
    monkeypatch.delenv('DISPLAY', raising=False)
    monkeypatch.delenv('WAYLAND_DISPLAY', raising=False)
    monkeypatch.setattr(scene_3d.sys, 'platform', 'linux')
    with pytest.raises(BackendUnavailable, match='no display'):
        show_scene(frame())


def test_importing_the_package_does_not_import_open3d():
    import subprocess
    import sys
    program = 'import sys, sparse3d.visualization; sys.exit("open3d" in sys.modules)'
    assert subprocess.run([sys.executable, '-c', program]).returncode == 0
