"""Targets and losses of all objects at once against mmdet3d's, object by object."""
from __future__ import annotations

import pytest
import torch
from mmdet3d.models.dense_heads import CenterHead
from mmdet3d.structures import LiDARInstance3DBoxes
from mmengine.config import ConfigDict
from mmengine.structures import InstanceData

from sparse3d.models.heads.batched_center_head import BatchedCenterHead

RANGE = [0, -8, -3, 24, 8, 1]
TASKS = [dict(num_class=1, class_names=['car']), dict(num_class=2, class_names=['truck', 'bus'])]


def settings(**changes) -> dict:
    train_cfg = dict(grid_size=[96, 64, 10], voxel_size=[0.25, 0.25, 0.4], out_size_factor=4,
                     point_cloud_range=RANGE, dense_reg=1, gaussian_overlap=0.1, min_radius=2,
                     max_objs=500, code_weights=[1.0] * 6 + [0.5, 0.7, 0.2, 0.2])
    coder = dict(type='CenterPointBBoxCoder', pc_range=RANGE[:2], max_num=20, score_threshold=0.0,
                 post_center_range=[-50, -50, -10, 50, 50, 10], out_size_factor=4,
                 voxel_size=[0.25, 0.25], code_size=9)
    return dict(dict(
        in_channels=8, tasks=TASKS, share_conv_channel=8, bbox_coder=coder, norm_bbox=True,
        common_heads=dict(reg=(2, 2), height=(1, 2), dim=(3, 2), rot=(2, 2), vel=(2, 2)),
        separate_head=dict(type='SeparateHead', init_bias=-2.19, final_kernel=3),
        loss_cls=dict(type='mmdet.GaussianFocalLoss', reduction='mean'),
        loss_bbox=dict(type='mmdet.L1Loss', reduction='mean', loss_weight=0.25),
        train_cfg=ConfigDict({**train_cfg, **changes.pop('train_cfg', {})}),
        test_cfg=ConfigDict(nms_type='rotate')), **changes)


def batch(*counts: int) -> list[InstanceData]:
    random, samples = torch.Generator().manual_seed(1), []
    for count in counts:
        boxes = torch.rand(count, 9, generator=random) * torch.tensor(
            [28.0, 20, 2, 6, 3, 2, 6, 4, 4]) + torch.tensor([-2.0, -10, -2, .3, .3, .3, 0, 0, 0])
        samples.append(InstanceData(bboxes_3d=LiDARInstance3DBoxes(boxes, box_dim=9),
                                    labels_3d=torch.randint(-1, 3, (count,), generator=random)))
    return samples


@pytest.mark.parametrize('changes', [{}, dict(norm_bbox=False), dict(train_cfg=dict(max_objs=6))],
                         ids=['as configured', 'sizes', 'few objects'])
def test_losses_and_gradients_are_mmdet3ds(changes):
    ours, theirs = BatchedCenterHead(**settings(**changes)), CenterHead(**settings(**changes))
    theirs.load_state_dict(ours.state_dict())
    samples, features = batch(30, 0, 17), torch.randn(3, 8, 16, 24)
    found, expected = (head.loss_by_feat(head([features]), samples) for head in (ours, theirs))
    assert found.keys() == expected.keys()
    for name, value in found.items():
        assert value > 0
        torch.testing.assert_close(value, expected[name])
    for losses in (found, expected):
        sum(losses.values()).backward()
    for (name, mine), other in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, other.grad, msg=name)


def test_targets_of_one_box_by_hand():
    box = torch.tensor([[9.3, 1.2, -1.0, 4.0, 1.6, 1.5, 0.0, 3.0, -1.0]])
    objects = InstanceData(bboxes_3d=LiDARInstance3DBoxes(box, box_dim=9),
                           labels_3d=torch.tensor([2]))
    targets = BatchedCenterHead(**settings()).map_targets([objects], torch.device('cpu'))
    assert targets.index.tolist() == [9 * 24 + 9] and targets.heat.shape == (1, 3, 16, 24)
    assert (targets.heat == 1).nonzero().tolist() == [[0, 2, 9, 9]]
    sizes = box[0, 3:6].log().tolist()
    assert targets.codes[0].tolist() == pytest.approx([0.3, 0.2, -0.25, *sizes, 0, 1, 3, -1],
                                                      abs=1e-5)


def test_samples_with_and_without_velocities_in_one_batch():
    first, second = batch(9, 9)
    second.bboxes_3d = LiDARInstance3DBoxes(second.bboxes_3d.tensor[:, :7])
    head = BatchedCenterHead(**settings())
    targets = head.map_targets([first, second], torch.device('cpu'))
    unknown = targets.index >= 16 * 24  # of the second sample
    assert targets.codes[:, 8:].isnan().all(1).tolist() == unknown.tolist()
    assert 0 < unknown.sum() < len(unknown)
    assert head.loss_by_feat(head([torch.randn(2, 8, 16, 24)]), [first, second])[
        'task1.loss_bbox'].isfinite()


def test_outputs_that_are_sure_cost_what_they_cost_in_mmdet3d():
    """Probabilities stay a ten thousandth from 0 and 1, however large the logit."""
    ours, theirs = BatchedCenterHead(**settings()), CenterHead(**settings())
    samples, features = batch(30, 4), torch.randn(2, 8, 16, 24)

    def sure() -> tuple:
        torch.manual_seed(3)
        outputs = ours([features])
        for task, in outputs:
            task['heatmap'] = 60 * torch.randn_like(task['heatmap'])
        return outputs

    found, expected = ours.loss_by_feat(sure(), samples), theirs.loss_by_feat(sure(), samples)
    for name, value in found.items():
        assert value.isfinite()
        torch.testing.assert_close(value, expected[name])
