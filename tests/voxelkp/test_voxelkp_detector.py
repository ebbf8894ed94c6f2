"""The whole detector: frames apart, empty ones, one frame, nobody, half precision, learning."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from mmdet3d.registry import MODELS
from mmdet3d.structures import Det3DDataSample, LiDARInstance3DBoxes
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData

import voxelkp.register  # noqa: F401  (registers the detector)
from sparse3d.errors import ConfigError, DataError
from sparse3d.structures.keypoints import Keypoints3D

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'
RANGE = [-6.4, -6.4, -2, 6.4, 6.4, 1.2]


def build(**head):
    """A model as small as the method allows."""
    init_default_scope('mmdet3d')
    torch.manual_seed(0)
    model = Config.fromfile(CONFIGS / 'voxelkp/_base_/models/voxelkp_small.py').model
    model.data_preprocessor.voxel_layer.point_cloud_range = RANGE
    model.middle_encoder.update(channels=(8, 16, 16, 32), sparse_shape=[21, 80, 80])
    model.neck.update(in_channels=[16, 32], out_channels=32)
    model.bbox_head.update(in_channels=32, point_cloud_range=RANGE, **head)
    return MODELS.build(model)


def standing(x: float, y: float, random: np.random.Generator) -> tuple:
    """Points on a coarse person, the box and the joints."""
    joints = np.array([[.1, 0, 1.6], [0, .2, 1.4], [0, -.2, 1.4], [0, .25, 1.1], [0, -.25, 1.1],
                       [.1, .25, .8], [.1, -.25, .8], [0, .1, .9], [0, -.1, .9], [0, .1, .5],
                       [0, -.1, .5], [0, .1, .1], [0, -.1, .1], [0, 0, 1.6]])
    joints += random.normal(0, .03, joints.shape) + [x, y, -1.5]
    points = joints[random.integers(0, 14, 150)] + random.normal(0, .04, (150, 3))
    return points, [x, y, -1.5, .6, .7, 1.75, 0.], joints


def frame(people: list[tuple[float, float]], seed: int = 0, ground: int = 400):
    """Points [N, 5] and a sample with ground truth."""
    random = np.random.default_rng(seed)
    drawn = [standing(x, y, random) for x, y in people]
    plane = np.column_stack([random.uniform(-6, 6, (ground, 2)), np.full(ground, -1.5)])
    xyz = np.concatenate([plane, *(points for points, _, _ in drawn)])
    points = np.column_stack([xyz, random.uniform(0, 1, (len(xyz), 2))]).astype(np.float32)
    boxes = torch.tensor([box for _, box, _ in drawn], dtype=torch.float32).reshape(-1, 7)
    joints = np.array([joints for _, _, joints in drawn]).reshape(-1, 14, 3)
    sample = Det3DDataSample(metainfo=dict(box_type_3d=LiDARInstance3DBoxes))
    sample.gt_instances_3d = InstanceData(
        bboxes_3d=LiDARInstance3DBoxes(boxes), labels_3d=torch.zeros(len(boxes)).long(),
        keypoints_3d=Keypoints3D(torch.from_numpy(joints).float()))
    return torch.from_numpy(points), sample


def batch(model, frames: list, training: bool = False) -> tuple:
    data = dict(inputs=dict(points=[points for points, _ in frames]),
                data_samples=[sample for _, sample in frames])
    data = model.data_preprocessor(data, training)
    return data['inputs'], data['data_samples']


def total(losses: dict) -> torch.Tensor:
    return sum(value for name, value in losses.items() if 'loss' in name)


TWO, ONE = [(1.0, 2.0), (-3.0, -1.0)], [(4.0, -4.0)]


def test_a_frame_is_found_alike_alone_and_in_a_batch():
    model = build(test_cfg=dict(score_threshold=0.0)).eval()
    frames = [frame(TWO, 1), frame(ONE, 2), frame([], 3)]
    with torch.no_grad():
        together = model(*batch(model, frames), mode='predict')
        for number, single in enumerate(frames):
            alone = model(*batch(model, [single]), mode='predict')[0].pred_instances_3d
            found = together[number].pred_instances_3d
            assert len(found) == len(alone) > 0
            torch.testing.assert_close(found.scores_3d, alone.scores_3d, atol=1e-5, rtol=1e-4)
            torch.testing.assert_close(found.keypoints_3d.points, alone.keypoints_3d.points,
                                       atol=1e-4, rtol=1e-4)


def test_what_is_found_is_complete():
    model = build(test_cfg=dict(score_threshold=0.0)).eval()
    with torch.no_grad():
        found = model(*batch(model, [frame(TWO)]), mode='predict')[0].pred_instances_3d
    assert isinstance(found.keypoints_3d, Keypoints3D)
    assert found.keypoints_3d.points.shape == (len(found), 14, 3)
    assert found.bboxes_3d.tensor.shape == (len(found), 7)
    assert (found.scores_3d.diff() <= 0).all() and (found.labels_3d == 0).all()


@pytest.mark.parametrize('frames', [
    [frame(TWO), frame([], ground=0)],      # a frame without points
    [frame([], ground=0), frame([], ground=0)],
    [frame([], ground=1)],                  # a single voxel
    [frame([], ground=3), frame(ONE)],
])
def test_frames_with_few_points_or_people(frames):
    model = build()
    with torch.no_grad():
        found = model.eval()(*batch(model, frames), mode='predict')
    assert len(found) == len(frames)
    losses = model.train()(*batch(model, frames, training=True), mode='loss')
    total(losses).backward()
    assert total(losses).isfinite()
    assert all(weight.grad is None or weight.grad.isfinite().all()
               for weight in model.parameters())


def test_people_without_labeled_joints_are_boxes():
    model = build().train()
    points, sample = frame(TWO)
    del sample.gt_instances_3d.keypoints_3d
    losses = model(*batch(model, [(points, sample)], training=True), mode='loss')
    assert losses['loss_joints'] == 0 and losses['loss_bones'] == 0 and losses['loss_box'] > 0


def test_other_skeletons_need_the_right_number_of_joints():
    model = build(num_joints=5).train()
    with pytest.raises(DataError, match='5 joints'):
        model(*batch(model, [frame(ONE)], training=True), mode='loss')


def test_half_precision_gives_nearly_the_same():
    model = build().eval()
    inputs, samples = batch(model, [frame(TWO)])
    with torch.no_grad():
        full = model(inputs, samples, mode='tensor')['head']
        with torch.autocast('cpu', dtype=torch.bfloat16):
            half = model(inputs, samples, mode='tensor')['head']
    assert half.x.dtype == torch.float32
    assert (half.x - full.x).abs().max() < 0.02 * full.x.abs().max() + 0.02
    model.train()
    with torch.autocast('cpu', dtype=torch.bfloat16):
        losses = model(*batch(model, [frame(TWO)], training=True), mode='loss')
    total(losses).backward()
    assert all(weight.grad.isfinite().all() for weight in model.parameters())


@pytest.mark.slow
def test_it_learns_to_find_joints():
    """On two frames: the joints of the best found are far nearer than the middles of boxes."""
    model = build().train()
    frames = [frame(TWO, 1, ground=150), frame(ONE, 2, ground=150)]
    optimizer = torch.optim.AdamW(model.parameters(), lr=6e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 6e-3, total_steps=80)
    for _ in range(80):
        optimizer.zero_grad()
        total(model(*batch(model, frames, training=True), mode='loss')).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 10)
        optimizer.step()
        schedule.step()
    model.eval()
    errors, of_boxes = [], []
    with torch.no_grad():
        for points, sample in frames:
            truth = sample.gt_instances_3d.keypoints_3d.points
            found = model(*batch(model, [(points, sample)]), mode='predict')[0].pred_instances_3d
            best = found.keypoints_3d.points[:len(truth)]
            errors.append((best[:, None] - truth).norm(dim=-1).mean(-1).amin(0))
            middle = sample.gt_instances_3d.bboxes_3d.gravity_center[:, None]
            of_boxes.append((truth - middle).norm(dim=-1).mean(-1))
    assert torch.cat(errors).mean() < 0.5 * torch.cat(of_boxes).mean()


def test_wrong_settings():
    init_default_scope('mmdet3d')
    encoder = dict(type='SparseKeypointEncoder', in_channels=5, sparse_shape=[9, 9, 9])
    with pytest.raises(ConfigError, match='stages'):
        MODELS.build(dict(encoder, channels=(8, 8)))
    with pytest.raises(ConfigError, match='dense'):
        MODELS.build(dict(encoder, channels=(8,), kernels=(), stages=('dense',), num_levels=1))
    with pytest.raises(ConfigError, match='levels'):
        MODELS.build(dict(encoder, num_levels=7))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs an NVIDIA GPU')
def test_a_gpu_says_the_same():
    model = build().eval()
    frames = [frame(TWO, 1), frame(ONE, 2)]
    with torch.no_grad():
        here = model(*batch(model, frames), mode='tensor')['head']
        model.cuda()
        there = model(*batch(model, frames), mode='tensor')['head']
    order, theirs = (np.lexsort(outputs.coordinates.cpu().numpy().T[::-1])
                     for outputs in (here, there))
    for name in ('heatmap', 'x', 'y', 'z', 'size', 'heading', 'iou', 'visibility'):
        torch.testing.assert_close(getattr(there, name).cpu()[theirs], getattr(here, name)[order],
                                   atol=1e-3, rtol=1e-3)
