"""The TransFusion head as a whole: shapes, empty samples, options, and that it learns."""
from __future__ import annotations

import pytest
import torch
from mmdet3d.registry import MODELS
from mmdet3d.structures import Det3DDataSample, LiDARInstance3DBoxes
from mmengine.structures import InstanceData

from grouped_arguments import grouped
from sparse3d.errors import ConfigError
from sparse3d.models.heads import TransFusionHead

RANGE = [-8.0, -8.0, -3.0, 8.0, 8.0, 1.0]
BOXES = torch.tensor([[1.0, 2.0, -1.0, 4.0, 1.6, 1.5, 0.4, 3.0, -1.0],
                      [-5.0, -3.0, -1.2, 3.9, 1.7, 1.4, -2.0, 0.0, 0.5]])


def small_head(**changes) -> TransFusionHead:
    settings = dict(
        in_channels=6,
        num_classes=3,
        point_cloud_range=RANGE,
        voxel_size=[0.5, 0.5],
        stride=2,
        channels=16,
        num_queries=12,
        unsuppressed_classes=[2],
        center_range=[-10.0] * 3 + [10.0] * 3,
        decoder_layers=[dict(type='MapDecoderLayer', num_heads=2, feedforward_channels=32)],
    )
    head = MODELS.build(dict(
        type='TransFusionHead', **grouped(TransFusionHead, **{**settings, **changes})))
    head.init_weights()
    return head


def sample(boxes: torch.Tensor = BOXES, labels=(0, 2)) -> Det3DDataSample:
    found = Det3DDataSample()
    found.gt_instances_3d = InstanceData(
        bboxes_3d=LiDARInstance3DBoxes(boxes, box_dim=boxes.shape[1]),
        labels_3d=torch.tensor(list(labels)[:len(boxes)], dtype=torch.long))
    return found


@pytest.mark.parametrize('branches', [None, dict(center=2, height=1, dim=3, rot=2),
                                      dict(center=2, height=1, dim=3, rot=2, vel=2, iou=1)])
def test_losses_and_detections_for_every_set_of_branches(branches):
    head = small_head(branches=branches)
    maps = [torch.randn(2, 6, 16, 16)]
    samples = [sample(), sample(BOXES[:0])]  # the second holds nothing
    losses = head.loss(maps, samples)
    total = sum(value for name, value in losses.items() if 'loss' in name)
    total.backward()
    assert total.isfinite()
    assert all(parameter.grad is not None for parameter in head.parameters())
    assert ('layer_0_loss_iou' in losses) == (branches is not None and 'iou' in branches)
    found = head.eval().predict(maps, samples)
    width = 9 if branches is None or 'vel' in branches else 7
    assert [objects.bboxes_3d.tensor.shape[1] for objects in found] == [width, width]


def test_samples_of_a_batch_do_not_see_each_other():
    head = small_head().eval()
    maps = torch.randn(2, 6, 16, 16)
    with torch.no_grad():
        both, alone = head.predict(maps, []), head.predict(maps[1:], [])
    torch.testing.assert_close(both[1].scores_3d, alone[0].scores_3d)
    torch.testing.assert_close(both[1].bboxes_3d.tensor, alone[0].bboxes_3d.tensor)


def test_the_map_need_not_be_square():
    head = small_head(point_cloud_range=[-8, -4, -3, 8, 4, 1])
    losses = head.loss(torch.randn(1, 6, 8, 16), [sample()])
    assert losses['loss_heatmap'].isfinite()


def test_two_layers_start_at_the_centers_of_the_first():
    head = small_head(decoder_layers=[dict(type='MapDecoderLayer', num_heads=2)] * 2)
    assert {'layer_0_loss_cls', 'layer_1_loss_cls'} <= set(
        head.loss(torch.randn(1, 6, 16, 16), [sample()]))


def test_it_learns_two_boxes():
    head = small_head(decoder_layers=[dict(type='MapDecoderLayer', num_heads=2, dropout=0.0)])
    maps = torch.zeros(1, 6, 16, 16)
    maps[0, :3, 10, 9], maps[0, 3:, 5, 3] = 3.0, 3.0  # the cells of the two centers
    optimizer = torch.optim.Adam(head.parameters(), lr=3e-3)
    for _ in range(150):
        optimizer.zero_grad()
        losses = head.loss(maps, [sample()])
        sum(value for name, value in losses.items() if 'loss' in name).backward()
        optimizer.step()
    head.train()  # statistics of one map: those of the batch are meant
    with torch.no_grad():
        found = head.predict(maps, [])[0]
    best = found.scores_3d.topk(2).indices
    order = best[found.labels_3d[best].argsort()]
    assert found.labels_3d[order].tolist() == [0, 2]
    assert (found.bboxes_3d.tensor[order] - BOXES)[:, :6].abs().max() < 0.5


def test_settings_that_mean_nothing_are_refused():
    with pytest.raises(ConfigError, match='decoder layer'):
        small_head(decoder_layers=[])
    with pytest.raises(ConfigError, match='unsuppressed_classes'):
        small_head(unsuppressed_classes=[3])


@pytest.mark.parametrize('layers', [1, 2])
def test_the_stages_one_by_one_are_the_whole(layers):
    head = small_head(decoder_layers=[dict(type='MapDecoderLayer', num_heads=2)] * layers).eval()
    with torch.no_grad():
        whole = head(maps := torch.randn(2, 6, 16, 16))
        bev = head.map_of(maps)
        first = head.queries_of(head.heat(bev), bev)
        staged = head.detect_on(bev)
        # A module behind the last layer reads the branches at the same place as the layer did.
        again = head.decoder.branches(staged.queries)
    torch.testing.assert_close(whole.layers, staged.layers)
    assert first.positions.shape == (2, 12, 2)
    assert torch.equal(first.positions, staged.positions) == (layers == 1)
    torch.testing.assert_close(again['center'] + staged.positions.transpose(1, 2),
                               staged.layers[-1]['center'])
