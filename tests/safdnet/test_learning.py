"""A small SAFDNet learns two frames by heart."""
from __future__ import annotations

import pytest
import torch
from mmdet3d.registry import MODELS
from mmdet3d.structures import Det3DDataSample, LiDARInstance3DBoxes
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData

from sparse3d.engine.load_config import load_config
from sparse3d.ops.rotated_iou import rotated_iou_3d

BOXES = torch.tensor([[8.2, 4.3, -1.5, 3.9, 1.7, 1.5, 0.4], [20.6, -8.1, -1.5, 8.2, 2.4, 2.8, -1.1],
                      [-12.3, 9.2, -1.4, 0.8, 0.7, 1.7, 0.0]])


def frame(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Points on the ground and on the sides of boxes, [N, 5], and the boxes."""
    torch.manual_seed(seed)
    boxes = BOXES.clone()
    boxes[:, :2] += torch.randn(3, 2)
    clouds = [torch.cat([torch.rand(1500, 2) * 60 - 30, torch.full((1500, 1), -1.7),
                         torch.rand(1500, 2)], 1)]
    for x, y, z, dx, dy, dz, yaw in boxes:
        at = torch.rand(250, 3) - 0.5
        at[:, 0] = at[:, 0].sign() / 2                # two sides; the middle is empty
        at = at * torch.stack([dx, dy, dz])
        clouds.append(torch.cat([torch.stack([
            at[:, 0] * yaw.cos() - at[:, 1] * yaw.sin() + x,
            at[:, 0] * yaw.sin() + at[:, 1] * yaw.cos() + y, at[:, 2] + dz / 2 + z], 1),
            torch.rand(250, 2)], 1))
    return torch.cat(clouds), boxes


@pytest.mark.slow
def test_learns_two_frames():
    init_default_scope('mmdet3d')
    model = MODELS.build(load_config('safdnet_simulated_waymo').model).train()
    for module in model.modules():
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
            module.momentum = 0.3    # running statistics have to follow within few steps
    clouds, truth = zip(*map(frame, (0, 1)), strict=True)
    samples = []
    for boxes in truth:
        sample = Det3DDataSample()
        sample.gt_instances_3d = InstanceData(bboxes_3d=LiDARInstance3DBoxes(boxes),
                                              labels_3d=torch.tensor([0, 0, 1]))
        samples.append(sample)
    batch = model.data_preprocessor({'inputs': {'points': list(clouds)},
                                     'data_samples': samples}, True)
    optimizer, totals = torch.optim.AdamW(model.parameters(), lr=3e-3), []
    for _ in range(100):
        losses = model.loss(batch['inputs'], batch['data_samples'])
        total = sum(value for name, value in losses.items() if 'loss' in name)
        optimizer.zero_grad()
        total.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 10)
        optimizer.step()
        totals.append(total.item())
    assert totals[-1] < 0.1 * totals[0]
    model.eval()
    with torch.no_grad():
        found = model.predict(batch['inputs'], batch['data_samples'])
    for sample, boxes in zip(found, truth, strict=True):
        pred = sample.pred_instances_3d
        best = pred.scores_3d.argsort(descending=True)[:6]
        overlap = rotated_iou_3d(boxes, pred.bboxes_3d.tensor[best])
        assert overlap.amax(1).min() > 0.5
