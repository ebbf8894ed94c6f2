"""The exported decoder equals the detector, in PyTorch and in ONNX Runtime."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from sparse3d.deploy.export import export
from sparse3d.deploy.export_folder import write_folder
from sparse3d.engine.load_config import load_config
from sparse3d.errors import ConfigError
from sparse3d.structures.camera_frame import CameraFrame
from sparsebev.deployable import DeployableSparseBEV, FirstFrame, NextFrame
from sparsebev.onnx_export import (
    CASES,
    graphs_on,
    image_size_of,
    matrices_of_cases,
    padded_size,
    stream_reference,
)
from sparsebev.published_checkpoint import SAMPLING_AS_PUBLISHED
from sparsebev.ring_of_cameras import ring_of_cameras
from sparsebev.streaming import open_stream

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'

HEADS = [{}, dict(published=SAMPLING_AS_PUBLISHED)]


@pytest.fixture(scope='module')
def packages():
    for name in ('onnx', 'onnxruntime', 'onnxscript'):
        pytest.importorskip(name, reason=f'{name} is not installed (extra: export)')


@pytest.mark.parametrize('valid', [None, [True, True, False, True]])
@pytest.mark.parametrize('head', HEADS, ids=['right', 'published'])
def test_the_deployable_part_equals_the_detector(build_detector, drive, batch_of, valid, head):
    if head and valid:  # published: camera 0 is read unless it is said to be missing
        head = dict(published=dict(SAMPLING_AS_PUBLISHED, view_choice=False))
    detector = build_detector(2, head=head)
    more = {} if valid is None else dict(image_valid=np.array(valid))
    batch = detector.data_preprocessor(batch_of(drive(2), 2, **more))
    with torch.no_grad():
        expected = detector(**batch, mode='tensor')
        views = detector.views(batch['inputs']['imgs'], batch['data_samples'])
        model = DeployableSparseBEV(detector.bbox_head, views.image_size)
        found = model(model.inputs_of(expected['features'], views))
    for name, values in found.items():
        torch.testing.assert_close(values, expected['head'][name][-1], rtol=1e-4, atol=1e-4)
    assert detector.bbox_head.layer.sampling.backend == 'auto'  # it is left as it is


def step_inputs(frames, images):
    """What a vehicle keeps: matrices and times of the newest frames, the oldest repeated."""
    now = frames[0]['lidar2global']
    matrices = np.stack([item['lidar2img'] @ np.linalg.inv(item['lidar2global']) @ now
                         for item in frames])
    ages = [frames[0]['timestamps'][0] - item['timestamps'][0] for item in frames]
    return {'images': images.float(), 'lidar2img': torch.tensor(matrices[None]).float(),
            'age': torch.tensor([ages]).float()}


@torch.no_grad()
def test_first_and_next_frames_are_the_stream(build_detector, drive):
    detector, count = build_detector(3), 3
    taken = drive(5)
    stream = open_stream(detector)
    first, later = (kind(detector, (32, 64)).eval() for kind in (FirstFrame, NextFrame))
    maps = []  # of the newest frames, level by level
    for number, frame in enumerate(taken):
        answer, = stream(CameraFrame(**frame, scene='drive'))
        seen = [taken[max(number - step, 0)] for step in range(count)]
        earlier = [maps[min(step, len(maps) - 1)] for step in range(count - 1)] if maps else []
        kept = {f'kept_{level}': torch.cat(parts)
                for level, parts in enumerate(zip(*earlier, strict=True))}
        found = (later if kept else first)({**step_inputs(seen, frame['images']), **kept})
        maps.insert(0, [value for name, value in found.items() if name.startswith('map_')])
        boxes, = detector.bbox_head.detections({name: found[name][None]
                                                for name in ('logits', 'codes')})
        wanted = answer.instances
        torch.testing.assert_close(boxes.scores_3d, wanted.scores_3d, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(boxes.bboxes_3d.tensor, wanted.bboxes_3d.tensor, rtol=1e-3,
                                   atol=1e-3)
    assert kept['kept_0'].shape[0] == 2 * 2  # two earlier frames, two cameras


@pytest.mark.slow
@pytest.mark.parametrize('kind, files', [
    ('past', ['first_frame.onnx', 'next_frame.onnx']),
    ('future', ['image_encoder.onnx', 'decoder.onnx'])])
@pytest.mark.parametrize('head', HEADS, ids=['right', 'published'])
def test_onnx_runtime_agrees(packages, build_detector, tmp_path, head, kind, files):
    detector = build_detector(3 if kind == 'future' else 2, 1, head=head, frame_kind=kind)
    report = write_folder(detector, graphs_on(detector, (60, 120)), tmp_path / 'out')
    entries = {graph['file']: graph for graph in report.graphs}
    assert list(entries) == files
    shapes = {name: about['shape'] for name, about in entries[files[-1]]['inputs'].items()}
    frames = detector.num_frames
    assert shapes['lidar2img'] == [1, frames, 6, 4, 4] and shapes['age'] == [1, frames]
    if kind == 'past':
        assert shapes['kept_0'] == [6, 32, 16, 32] and shapes['images'] == [6, 3, 60, 120]
    else:
        assert shapes['map_0'] == [1, 18, 32, 16, 32]  # of images padded to 64 x 128
    assert {'MatMul', 'Softmax'} <= set(entries[files[-1]]['operators'])
    assert CASES[1] in report.differences


@torch.no_grad()
def test_a_missing_camera_changes_the_answer(build_detector):
    detector = build_detector(2)
    views = ring_of_cameras(2, (64, 128))
    random = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (6, 3, 64, 128), generator=random).float()
    answer = stream_reference(detector, (64, 128))
    one, other = (answer({'images': images, 'lidar2img': matrix, 'age': views.age})['logits']
                  for matrix in matrices_of_cases(views).values())
    assert (one - other).abs().max() > 1e-3


def test_sizes_come_from_the_config(build_detector):
    assert image_size_of(load_config(CONFIGS / 'sparsebev/sparsebev_r50_nuscenes.py')) == (256, 704)
    assert padded_size(build_detector(), (90, 160)) == (96, 160)


def test_what_cannot_be_exported_is_named(packages, tmp_path):
    config = CONFIGS / 'sparsebev/sparsebev_simulated_nuscenes.py'
    with pytest.raises(ConfigError, match='cameras alone'):
        export(config, None, tmp_path / 'x', ['cloud.bin'])
    with pytest.raises(ConfigError, match='not a Linear'):
        graphs_on(torch.nn.Linear(1, 1), (64, 128))
    assert not (tmp_path / 'x').exists()
