"""Ways in which TransFusion's queries begin: as published bit for bit, learned, from the map."""
from __future__ import annotations

import pytest
import torch
from mmdet3d.registry import MODELS
from mmdet3d.structures import Det3DDataSample, LiDARInstance3DBoxes
from mmengine.structures import InstanceData
from torch import nn

from grouped_arguments import grouped
from sparse3d.errors import ConfigError
from sparse3d.models.heads import TransFusionHead
from sparse3d.models.heads.transfusion_beginnings import Anchors, Beginning, TokenQueries
from sparse3d.models.query.initializations import query_initializations

RANGE = [-8.0, -8.0, -3.0, 8.0, 8.0, 1.0]
BOXES = torch.tensor([[1.0, 2.0, -1.0, 4.0, 1.6, 1.5, 0.4, 3.0, -1.0],
                      [-5.0, -3.0, -1.2, 3.9, 1.7, 1.4, -2.0, 0.0, 0.5]])


def head_of(queries: dict | None, **changes) -> TransFusionHead:
    torch.manual_seed(0)
    head = MODELS.build(dict(type='TransFusionHead', queries=queries, **grouped(
        TransFusionHead, **{**dict(
            in_channels=6, num_classes=3, point_cloud_range=RANGE, voxel_size=[0.5, 0.5], stride=2,
            channels=16, num_queries=12, center_range=[-10.0] * 3 + [10.0] * 3,
            decoder_layers=[dict(type='MapDecoderLayer', num_heads=2, feedforward_channels=32,
                                 dropout=0.0)]), **changes})))
    head.init_weights()
    return head


def sample(boxes: torch.Tensor = BOXES) -> Det3DDataSample:
    found = Det3DDataSample()
    found.gt_instances_3d = InstanceData(
        bboxes_3d=LiDARInstance3DBoxes(boxes, box_dim=9),
        labels_3d=torch.tensor([0, 2][:len(boxes)], dtype=torch.long))
    return found


def test_the_published_way_is_the_default_bit_for_bit():
    plain, named = head_of(None).eval(), head_of(dict(type='heatmap')).eval()
    assert plain.state_dict().keys() == named.state_dict().keys()
    assert not any(name.startswith('beginning') for name in plain.state_dict())
    bev = torch.randn(2, 6, 16, 16)
    for name, value in plain(bev).layers[-1].items():
        assert torch.equal(value, named(bev).layers[-1][name])
    assert set(query_initializations(TransFusionHead)) >= {'heatmap', 'learned', 'image'}


@pytest.mark.parametrize('queries', [dict(type='learned'), dict(type='image'),
                                     dict(type='image', patch=3, anchors=1)])
def test_every_weight_learns_and_boxes_come_out(queries):
    head = head_of(queries)
    assert not hasattr(head, 'heat') and not hasattr(head, 'class_encoding')
    maps, samples = [torch.randn(2, 6, 16, 16)], [sample(), sample(BOXES[:0])]
    losses = head.loss(maps, samples)
    assert 'loss_heatmap' not in losses
    assert ('loss_foreground' in losses) == (queries['type'] == 'image')
    total = sum(losses.values())
    total.backward()
    assert total.isfinite()
    assert [name for name, parameter in head.named_parameters() if parameter.grad is None] == []
    found = head.eval().predict(maps, samples)
    assert all(objects.scores_3d.max() <= 1 and len(objects) for objects in found)


def test_learned_queries_begin_on_a_grid_inside_the_map():
    head = head_of(dict(type='learned'))
    first = head.beginning(head, torch.zeros(2, 16, 10, 20))
    assert first.positions.shape == (2, 12, 2) and first.features.shape == (2, 12, 16)
    assert ((first.positions > 0) & (first.positions < torch.tensor([20.0, 10.0]))).all()
    assert len(first.positions[0].unique(dim=0)) == 12


def test_queries_of_tokens_depend_on_the_map():
    head = head_of(dict(type='image', patch=4, anchors=2)).eval()
    beginning = head.beginning(head, torch.randn(2, 16, 10, 18))  # patches hang over the map
    assert beginning.positions.shape == (2, 12, 2)
    assert not torch.equal(beginning.positions[0], beginning.positions[1])
    assert head.beginning(head, torch.randn(1, 16, 4, 8)).positions.shape == (1, 4, 2)


def test_targets_of_anchors_by_hand():
    """Two objects in the second patch of the first row, one outside, one in the second row."""
    queries = TokenQueries(head_of(None), patch=2, anchors=2)
    found = Anchors(torch.full((1, 6, 2), -20.0), torch.full((1, 6, 2, 2), 0.5), columns=3)
    place = torch.tensor([[3.0, 1.0], [2.5, 0.5], [7.0, 1.0], [0.0, 2.5]])
    for token, number in ((1, 0), (1, 1), (3, 0)):
        found.logits[0, token, number] = 20.0
    found.offsets[0, 1, 1] = 0.25
    found.offsets[0, 3, 0] = torch.tensor([0.0, 0.25])
    losses = queries.losses(Beginning(torch.zeros(0), torch.zeros(0), found=found), [place])
    assert losses['loss_foreground'] < 1e-6 and losses['loss_anchor'] < 1e-6
    found.logits[0, 1, 1] = -20.0
    assert queries.losses(Beginning(torch.zeros(0), torch.zeros(0), found=found),
                          [place])['loss_foreground'] > 1


def test_tokens_find_where_something_is():
    """After some steps the highest scores are where the map says so."""
    head = head_of(dict(type='image', patch=2, anchors=1), num_queries=4)
    random = torch.Generator().manual_seed(1)
    optimizer = torch.optim.Adam(head.beginning.parameters(), 0.01)
    for step in range(61):
        cells = torch.randint(0, 16, (4, 2, 2), generator=random) + 0.5
        bev = torch.zeros(4, 16, 16, 16)
        for index, places in enumerate(cells.long()):
            bev[index, :, places[:, 1], places[:, 0]] = 1
        beginning = head.beginning(head, bev)
        if step < 60:
            optimizer.zero_grad()
            sum(head.beginning.losses(beginning, list(cells)).values()).backward()
            optimizer.step()
    distance = torch.cdist(cells, beginning.positions).amin(2)
    assert distance.max() < 1.5


def test_values_that_cannot_be():
    with pytest.raises(ConfigError, match='queries.patch is 0'):
        head_of(dict(type='image', patch=0))
    with pytest.raises(ConfigError, match="queries.patch is '4' and queries.anchors 1.5; use 1 or"):
        head_of(dict(type='image', patch='4', anchors=1.5))
    with pytest.raises(ConfigError, match='it offers heatmap, image, learned'):
        head_of(dict(type='grid'))
    assert isinstance(head_of(dict(type='image')).beginning, nn.Module)
