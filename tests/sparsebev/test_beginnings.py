"""Ways in which SparseBEV's queries begin: as published bit for bit, and from the images."""
from __future__ import annotations

import pytest
import torch

from sparse3d.errors import ConfigError
from sparse3d.models.query.box_code import centers_in_meters
from sparse3d.models.query.initializations import query_initializations
from sparse3d.structures.cameras import project_into_views
from sparsebev.beginnings import Beginning, ViewPlaces, fraction, lifted, meters
from sparsebev.deployable import DeployableSparseBEV
from sparsebev.head import SparseBEVHead

WAYS = [dict(type='learned', own_features=True), dict(type='heatmap'), dict(type='image'),
        dict(type='image', level=1, patch=1)]


def losses_of(model, batch: dict) -> dict:
    data = model.data_preprocessor(batch, False)
    return model.loss(data['inputs'], data['data_samples'])


def test_learned_boxes_are_the_default_bit_for_bit(build_detector, drive, batch_of):
    plain, named = build_detector(), build_detector(head=dict(queries=dict(type='learned')))
    assert plain.state_dict().keys() == named.state_dict().keys()
    assert not any('beginning' in name for name in plain.state_dict())
    named.load_state_dict(plain.state_dict())
    taken = drive(2)
    found = [model.data_preprocessor(batch_of(taken, 2), False) for model in (plain, named)]
    with torch.no_grad():
        outputs = [model(**data, mode='tensor')['head'] for model, data in
                   zip((plain, named), found, strict=True)]
    for name, value in outputs[0].items():
        assert torch.equal(value, outputs[1][name])
    assert set(query_initializations(SparseBEVHead)) >= {'learned', 'heatmap', 'image'}


@pytest.mark.parametrize('queries', WAYS, ids=str)
def test_every_weight_learns_and_boxes_come_out(build_detector, drive, batch_of, queries):
    model = build_detector(head=dict(queries=queries)).train()
    batch = batch_of(drive(2), 2)
    losses = losses_of(model, batch)
    of_its_own = {'learned': set(), 'heatmap': {'loss_heatmap', 'loss_depth'},
                  'image': {'loss_foreground', 'loss_depth'}}[queries['type']]
    assert {name for name in losses if name in (
        'loss_heatmap', 'loss_depth', 'loss_foreground')} == of_its_own
    total = sum(losses.values())
    total.backward()
    assert total.isfinite()
    head = model.bbox_head
    assert [name for name, parameter in head.named_parameters() if parameter.grad is None] == []
    assert hasattr(head, 'query_boxes') == (queries['type'] == 'learned')
    model.eval()
    data = model.data_preprocessor(batch, False)
    found = model.predict(data['inputs'], data['data_samples'])[0].pred_instances_3d
    assert len(found.scores_3d) <= 10 and found.bboxes_3d.tensor.isfinite().all()


def test_queries_see_their_pixel(build_detector, drive, batch_of):
    """A query begins where the camera sees its cell, or on the edge of the range."""
    model = build_detector(head=dict(queries=dict(type='heatmap')))
    data = model.data_preprocessor(batch_of(drive(2), 2), False)
    views = model.views(data['inputs']['imgs'], data['data_samples'])
    maps = model.extract_feat(data['inputs'])
    head = model.bbox_head
    with torch.no_grad():
        first = head.beginning(head, maps, views)
    assert first.boxes.shape == (1, 16, 10)
    centers = centers_in_meters(first.boxes, head.point_cloud_range)
    inside = ((first.boxes[..., :3] > 0.006) & (first.boxes[..., :3] < 0.994)).all(-1)[0]
    pixels, depth = project_into_views(centers, views.lidar2img[:, 0])
    cells = pixels / first.found.step - 0.5
    seen = ((cells - cells.round()).abs().amax(-1) < 1e-2) & (depth > 0.5)
    assert inside.any() and seen[0].any(0)[inside].all()


def test_a_missing_camera_begins_nothing(build_detector, drive, batch_of):
    model = build_detector(head=dict(queries=dict(type='image')))
    data = model.data_preprocessor(
        batch_of(drive(2), 2, image_valid=[True, False, True, False]), False)
    views = model.views(data['inputs']['imgs'], data['data_samples'])
    assert views.valid is not None
    head = model.bbox_head
    with torch.no_grad():
        first = head.beginning(head, model.extract_feat(data['inputs']), views)
    centers = centers_in_meters(first.boxes, head.point_cloud_range)
    _, depth = project_into_views(centers, views.lidar2img[:, 0])
    assert (depth[0, 0] > 0).all()


def test_lifting_is_the_inverse_of_projecting():
    torch.manual_seed(0)
    lidar2img = torch.eye(4) + 0.1 * torch.randn(1, 2, 4, 4)
    lidar2img[..., 3, :] = torch.tensor([0.0, 0, 0, 1])
    points = torch.rand(1, 5, 3) + torch.tensor([0.0, 0, 3])
    pixels, depth = project_into_views(points, lidar2img)
    for camera in range(2):
        found = lifted(pixels[:, camera], depth[:, camera], lidar2img,
                       torch.full((1, 5), camera))
        torch.testing.assert_close(found, points)
    distances = torch.tensor([2.0, 17.0, 79.0])
    torch.testing.assert_close(meters(fraction(distances)), distances)


def places(outputs: int, size: tuple[int, int], step: float) -> ViewPlaces:
    return ViewPlaces(torch.full((1, 1, outputs, *size), -20.0), torch.zeros(1, 1, *size),
                      torch.tensor([step, step]))


def one_view(build_detector, drive, batch_of, queries: dict):
    """A head, the front camera of a drive, and a car in front of it."""
    model = build_detector(frames=1, head=dict(queries=queries))
    data = model.data_preprocessor(batch_of(drive(1, cameras=1), 1), False)
    views = model.views(data['inputs']['imgs'], data['data_samples'])
    car = torch.tensor([[10.0, 1.0, 0.0, 4.0, 2.0, 1.6, 0.1, 0.0, 0.0]])
    pixels, depth = project_into_views(car[None, :, :3], views.lidar2img[:, 0])
    return model.bbox_head.beginning, views, car, pixels[0, 0, 0], depth[0, 0, 0]


def test_targets_of_heat_and_depth(build_detector, drive, batch_of):
    queries, views, car, pixel, depth = one_view(build_detector, drive, batch_of,
                                                 dict(type='heatmap'))
    found = places(3, (8, 16), 4.0)
    x, y = (pixel / 4).long().tolist()
    found.logits[0, 0, 1, y, x] = 20.0
    found.depth[0, 0, y, x] = fraction(depth)
    right = queries.losses(Beginning(car, found=found), [car], [torch.tensor([1])], views)
    assert right['loss_heatmap'] < 1e-2 and right['loss_depth'] < 1e-6
    wrong = queries.losses(Beginning(car, found=found), [car], [torch.tensor([0])], views)
    assert wrong['loss_heatmap'] > 1
    none = queries.losses(Beginning(car, found=found), [car[:0]], [torch.zeros(0).long()], views)
    assert none['loss_depth'] == 0


def test_targets_of_foreground_tokens(build_detector, drive, batch_of):
    queries, views, car, pixel, depth = one_view(build_detector, drive, batch_of,
                                                 dict(type='image'))
    found = places(1, (16, 32), 2.0)
    said = queries._depths(car, views, 0, found)
    x, y = (pixel / 2).long().tolist()
    assert said[0, y, x] == fraction(depth) and (said > 0).sum() > 4
    assert said[0, :, 0].sum() == 0
    found.logits[0, 0, 0][said[0] > 0] = 20.0
    found.depth[0, 0] = said[0]
    losses = queries.losses(Beginning(car, found=found), [car], [torch.tensor([0])], views)
    assert losses['loss_foreground'] < 1e-6 and losses['loss_depth'] < 1e-6


def test_what_cannot_be_is_said(build_detector):
    with pytest.raises(ConfigError, match='queries.level is 2 and queries.patch 2; the head has'):
        build_detector(head=dict(queries=dict(type='image', level=2)))
    with pytest.raises(ConfigError, match="queries.level is 0.5 and queries.patch '2'; the head"):
        build_detector(head=dict(queries=dict(type='image', level=0.5, patch='2')))
    with pytest.raises(ConfigError, match='it offers heatmap, image, learned'):
        build_detector(head=dict(queries=dict(type='peaks')))
    head = build_detector(head=dict(queries=dict(type='heatmap'))).bbox_head
    with pytest.raises(ConfigError, match='learned queries are exported'):
        DeployableSparseBEV(head, (32, 64))
