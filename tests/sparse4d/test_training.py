"""A small detector trains: names of losses, what goes on, what the samples have to have."""
from __future__ import annotations

import numpy as np
import pytest
import torch
from mmdet3d.structures import Det3DDataSample, LiDARInstance3DBoxes
from mmengine.structures import InstanceData

from sparse3d.errors import ConfigError, DataError
from sparse4d.training import Objects, focal_lengths, stacked_depth_maps


def test_objects_of_samples():
    boxes = LiDARInstance3DBoxes(torch.tensor([[1.0, 2, 3, 4, 2, 2, 0, 5, 6]] * 2), box_dim=9)
    sample = InstanceData(bboxes_3d=boxes, labels_3d=torch.tensor([0, 1]),
                          velocity_known=torch.tensor([True, False]))
    found = Objects.of([sample], 'cpu')
    assert found.ids is None and found.boxes[0][0, 2] == 4  # gravity center
    assert found.boxes[0][:, 7].isnan().tolist() == [False, True]
    sample.track_ids = torch.tensor([5, 6])
    assert Objects.of([sample], 'cpu').ids[0].tolist() == [5, 6]


def test_names_are_the_same_with_and_without_objects(build_detector, sequence):
    model = build_detector().train()
    full = model(**sequence(1)[0], mode='loss')
    empty = model(**sequence(1, objects=0)[0], mode='loss')
    assert set(full) == set(empty)
    assert {'loss_cls_0', 'loss_box_1', 'loss_cns_1', 'loss_yns_0', 'loss_cls_dn_0',
            'loss_box_dn_1', 'loss_dense_depth'} <= set(full)
    assert empty['loss_cls_dn_0'] == 0 < full['loss_cls_dn_0']
    sum(empty.values()).backward()


def test_what_goes_on_to_the_next_frame_and_what_does_not(build_detector, sequence):
    model = build_detector().train()
    first, second, other = sequence(3, scenes=('a', 'a', 'b'))
    model(**first, mode='loss')
    kept = model.last_frame
    assert kept.bank is not None and kept.groups.ids.shape[1] == 1
    assert not kept.bank.features.requires_grad and not kept.groups.features.requires_grad
    model(**second, mode='loss')
    ids = model.last_frame.groups.ids
    assert {7, 8} <= set(ids.flatten().tolist())
    model(**other, mode='loss')
    model.eval()
    before = model.last_frame
    with torch.no_grad():
        model(**first, mode='predict')
    assert model.last_frame is before


def test_weights_learn_and_nothing_of_the_frame_before_is_stored(build_detector, sequence):
    model = build_detector().train()
    names = set(model.state_dict())
    for batch in sequence(2):
        model.zero_grad()
        sum(model(**batch, mode='loss').values()).backward()
    lacking = [name for name, value in model.named_parameters() if value.grad is None]
    assert lacking == []
    assert set(model.state_dict()) == names and not any('losses' in name for name in names)


def test_a_model_without_losses_is_not_trained(build_detector, sequence):
    model = build_detector(training=None).train()
    with pytest.raises(ConfigError, match="model.training=dict"):
        model(**sequence(1)[0], mode='loss')


def test_samples_without_depth_or_focal_length(build_detector, sequence):
    batch = sequence(1)[0]
    del batch['inputs']['depth_maps']
    with pytest.raises(DataError, match="add DepthMaps to the training pipeline"):
        build_detector().train()(**batch, mode='loss')
    with pytest.raises(DataError, match="'cam2img' of each of the 2 images"):
        focal_lengths([dict()], 2)
    matrices = np.stack([np.diag([4.0, 9, 1, 1])] * 3)
    assert focal_lengths([dict(cam2img=matrices)], 2).tolist() == [[6, 6]]
    assert stacked_depth_maps(dict(depth_maps=[[torch.zeros(2, 3)] * 4]))[0].shape == (4, 2, 3)


def test_the_quirk_reaches_the_matching(build_detector):
    assert not build_detector().losses.losses.matching.published_unknown_velocities
    model = build_detector(published=dict(unknown_velocity_costs=True))
    assert model.losses.losses.matching.published_unknown_velocities


def test_classes_are_those_of_the_head(build_detector):
    assert build_detector(training=dict(type='Sparse4DTraining')).losses.losses.num_classes == 3
    with pytest.raises(ConfigError, match='num_classes is 4, that of the head 3'):
        build_detector(training=dict(type='Sparse4DTraining', num_classes=4))


@pytest.mark.slow
def test_two_frames_are_learned_by_heart(build_detector, sequence):
    """The floor: 150 steps on two frames of one scene.

    Scores are close together after so few steps, and which of them leads is a matter of rounding.
    """
    model = build_detector(dropout=0.0).train()
    frames = sequence(2, scenes=('a', 'a'))
    optimizer = torch.optim.AdamW(model.parameters(), 2e-3)
    curve = []
    for step in range(150):
        losses = model(**frames[step % 2], mode='loss')
        loss = sum(losses.values())
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 25)
        optimizer.step()
        curve.append(loss.item())
    # Boxes count as soon as their instances score: the loss rises before it falls.
    assert np.mean(curve[-10:]) < 0.6 * np.mean(curve[8:18])
    model.eval()
    with torch.no_grad():
        found = model(**frames[0], mode='predict')[0].pred_instances_3d
    labeled = frames[0]['data_samples'][0].gt_instances_3d.bboxes_3d.tensor
    distance = torch.cdist(found.bboxes_3d.tensor[:3, :2], labeled[:, :2]).min()
    assert distance < 3.0  # one of the three best detections, to one of the two objects


@pytest.fixture
def sequence():
    """Function that makes batches of one sample each: two cameras, two objects that drive."""
    def make(frames: int, objects: int = 2, scenes=None):
        return [_frame(number, objects, (scenes or ['a'] * frames)[number])
                for number in range(frames)]
    return make


def _frame(number: int, count: int, scene: str) -> dict:
    random = np.random.default_rng(3)
    cameras = np.stack([_camera(angle) for angle in (0.0, np.pi)])
    images = torch.from_numpy(random.normal(size=(1, 2, 3, 32, 64)).astype(np.float32))
    pose = np.eye(4)
    pose[0, 3] = 2.0 * number
    sample = Det3DDataSample(metainfo=dict(
        lidar2img=cameras, cam2img=np.stack([np.diag([32.0, 32, 1, 1])] * 2),
        timestamp=10 + 0.5 * number, lidar2global=pose, scene_token=scene))
    boxes = torch.tensor([[12.0, 2, -1, 4, 2, 1.5, 0.3, 1, 0], [-15.0, -3, -1, 4, 2, 1.5, 2, 0, 1]])
    boxes[:, :2] += boxes[:, 7:9] * 0.5 * number
    boxes[:, 0] -= pose[0, 3]
    sample.gt_instances_3d = InstanceData(
        bboxes_3d=LiDARInstance3DBoxes(boxes[:count], box_dim=9),
        labels_3d=torch.tensor([0, 2])[:count], track_ids=torch.tensor([7, 8])[:count])
    depth = [[torch.full((2, 8, 16), 10.0)], [torch.full((2, 4, 8), 10.0)]]
    return dict(inputs=dict(imgs=images, depth_maps=depth), data_samples=[sample])


def _camera(direction: float) -> np.ndarray:
    cos, sin = np.cos(direction), np.sin(direction)
    lidar2cam = np.array([[sin, -cos, 0, 0], [0, 0, -1, 0.5], [cos, sin, 0, 0], [0, 0, 0, 1]])
    return np.array([[32.0, 0, 32, 0], [0, 32, 16, 0], [0, 0, 1, 0], [0, 0, 0, 1]]) @ lidar2cam


def test_an_image_backbone_that_seeks_objects_learns_too(build_detector, sequence):
    from mmdet3d.registry import MODELS
    model = build_detector()
    model.backbone = MODELS.build(dict(
        type='ObjectSeeking', early_stages=1, patch=(16, 16), net=dict(
            type='mmdet.ResNet', depth=18, base_channels=8, num_stages=2, strides=(1, 2),
            dilations=(1, 1), out_indices=(0, 1), norm_eval=True)))
    losses = model.train()(**sequence(1)[0], mode='loss')
    assert losses['loss_object_seeking'] > 0
    sum(losses.values()).backward()
    assert model.backbone.seeker[3].weight.grad is not None
