"""The detector on little: empty and missing inputs, freezing, unfreezing, learning."""
from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from mmdet3d.registry import MODELS
from mmdet3d.structures import Det3DDataSample, LiDARInstance3DBoxes
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData
from torch import nn

import sparsefusion.register  # noqa: F401
from sparse3d.apis import load_detector

RANGE = [-12.8, -12.8, -3.0, 12.8, 12.8, 1.0]
HEIGHT, WIDTH = 64, 96
BOXES = torch.tensor([[6.0, 1.0, -1.5, 3.0, 1.6, 1.5, 0.4, 1.0, 0.0],
                      [-7.0, -2.0, -1.4, 3.0, 1.6, 1.5, 2.0, 0.0, 0.5]])


def tiny_model(**changes) -> nn.Module:
    init_default_scope('mmdet3d')
    voxel_layer = dict(max_num_points=5, point_cloud_range=RANGE, voxel_size=[0.2, 0.2, 0.1],
                       max_voxels=(4000, 4000))
    head = dict(
        type='SparseFusionHead',
        in_channels=32,
        images=dict(channels=16),
        num_classes=2,
        bbox_coder=dict(point_cloud_range=RANGE, voxel_size=[0.2, 0.2], stride=8),
        candidates=dict(channels=16, num_lidar_queries=12, num_camera_queries=12),
        detections=dict(center_range=[-15, -15, -10, 15, 15, 10]),
        layer=dict(num_heads=2, feedforward_channels=32, dropout=0.1),
    )
    head.update(changes.pop('head', {}))
    model = MODELS.build(dict(
        type='SparseFusion',
        data_preprocessor=dict(type='Det3DDataPreprocessor', voxel=True, voxel_layer=voxel_layer,
                               mean=[120.0] * 3, std=[60.0] * 3, pad_size_divisor=32),
        image_backbone=changes.pop('image_backbone', dict(
            type='mmdet.ResNet', depth=18, base_channels=8, norm_eval=True, frozen_stages=-1,
            style='pytorch')),
        image_neck=dict(type='mmdet.FPN', in_channels=[8, 16, 32, 64], out_channels=16, num_outs=4),
        voxel_encoder=dict(type='HardSimpleVFE', num_features=5),
        middle_encoder=dict(type='SparseEncoder', in_channels=5, sparse_shape=[41, 128, 128],
                            output_channels=16, encoder_channels=((8, ), (8, 8), (8, 8), (8, 8)),
                            encoder_paddings=((1, ), (1, 1), (1, 1), ([0, 1, 1], 1))),
        backbone=dict(type='SECOND', in_channels=32, out_channels=[16, 16], layer_nums=[1, 1],
                      layer_strides=[1, 2]),
        neck=dict(type='SECONDFPN', in_channels=[16, 16], out_channels=[16, 16],
                  upsample_strides=[1, 2]),
        bbox_head=head, **changes))
    model.init_weights()
    return model


def cameras(count: int = 2) -> np.ndarray:
    forward = np.array([[0.0, -1, 0], [0, 0, -1], [1, 0, 0]])
    matrices = np.tile(np.eye(4), (count, 1, 1))
    intrinsics = np.array([[60.0, 0, WIDTH / 2], [0, 60, HEIGHT / 2], [0, 0, 1]])
    for view in range(count):
        sign = 1 - 2 * (view % 2)
        matrices[view, :3, :3] = intrinsics @ forward @ np.diag([sign, sign, 1.0])
    return matrices


def batch(samples: int = 2, points: int | None = None, **meta) -> dict:
    generator = torch.Generator().manual_seed(5)
    clouds, images, data = [], [], []
    for _ in range(samples):
        parts = [torch.rand(120, 3, generator=generator) * torch.tensor([3, 1.6, 1.5])
                 + box[:3] - torch.tensor([1.5, 0.8, 0]) for box in BOXES]
        ground = torch.rand(300, 3, generator=generator) * 24 - 12
        ground[:, 2] = -1.6
        cloud = torch.cat([*parts, ground])
        cloud = torch.cat([cloud, torch.rand(len(cloud), 1), torch.zeros(len(cloud), 1)], dim=1)
        clouds.append(cloud[:points])
        images.append(torch.randint(0, 255, (2, 3, HEIGHT, WIDTH), dtype=torch.uint8))
        sample = Det3DDataSample(metainfo=dict(lidar2img=cameras(), img_shape=(HEIGHT, WIDTH),
                                               **meta))
        sample.gt_instances_3d = InstanceData(bboxes_3d=LiDARInstance3DBoxes(BOXES, box_dim=9),
                                              labels_3d=torch.tensor([0, 1]))
        data.append(sample)
    return dict(inputs=dict(points=clouds, img=images), data_samples=data)


def losses(model: nn.Module, data: dict) -> torch.Tensor:
    data = model.data_preprocessor(data, training=True)
    found = model.loss(data['inputs'], data['data_samples'])
    return sum(value for name, value in found.items() if 'loss' in name)


def predict(model: nn.Module, data: dict, without: tuple[str, ...] = ()) -> list:
    data = model.eval().data_preprocessor(data)
    inputs = {name: value for name, value in data['inputs'].items() if name not in without}
    with torch.no_grad():
        return [sample.pred_instances_3d
                for sample in model.predict(inputs, data['data_samples'])]


def test_everything_trains_when_nothing_is_frozen():
    model = tiny_model().train()
    total = losses(model, batch())
    total.backward()
    assert total.isfinite()
    without = [name for name, value in model.named_parameters() if value.grad is None]
    assert all(name.startswith('image_neck.fpn') or 'fc' in name for name in without), without


def test_a_frozen_lidar_stays_and_the_rest_moves():
    model = tiny_model(freeze_lidar=True).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=1e-3)
    losses(model, batch()).backward()
    optimizer.step()
    after = model.state_dict()
    frozen = ('middle_encoder.', 'backbone.', 'neck.', 'bbox_head.shared.',
              'bbox_head.lidar_decoder.', 'bbox_head.class_encoding.')
    assert all(torch.equal(before[name], after[name]) for name in after if name.startswith(frozen))
    assert not torch.equal(before['bbox_head.fusion_branches.branches.dim.3.weight'],
                           after['bbox_head.fusion_branches.branches.dim.3.weight'])


def test_the_published_way_of_freezing_normalizes_by_the_batch():
    ours, published = (tiny_model(freeze_lidar=True, published=dict(frozen_statistics=flag)).train()
                       for flag in (False, True))
    published.load_state_dict(ours.state_dict())
    assert not ours.backbone.training and published.backbone.training
    before = published.backbone.blocks[0][1].running_mean.clone()
    data = batch()
    losses(published, data)
    assert torch.equal(before, published.backbone.blocks[0][1].running_mean)


@pytest.mark.parametrize('case', ['no points in one sample', 'no points at all', 'no voxels given',
                                  'one camera', 'no camera', 'no images given', 'nothing'])
def test_what_is_missing_is_done_without(case):
    model = tiny_model()
    meta = {
        'one camera': dict(image_valid=[True, False]),
        'no camera': dict(image_valid=[False] * 2),
        'nothing': dict(image_valid=[False] * 2),
    }.get(case, {})
    data = batch(points=0 if case in ('no points at all', 'nothing') else None, **meta)
    if case == 'no points in one sample':
        data['inputs']['points'][1] = data['inputs']['points'][1][:0]
    without = {'no voxels given': ('points', 'voxels'), 'no images given': ('imgs', )}.get(case, ())
    with pytest.warns(UserWarning, match='lacks (LiDAR points|one or more camera images);'):
        found = predict(model, data, without)
    assert len(found) == 2
    assert all(objects.scores_3d.isfinite().all() for objects in found)
    if case == 'nothing':
        assert [len(objects) for objects in found] == [0, 0]
    else:
        assert max(len(objects) for objects in found) > 0
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        predict(model, data, without)  # said once


def test_nothing_is_found_without_candidates_whatever_the_release_would_say():
    """Converted weights keep boxes without a score; those of no candidate are none."""
    model = tiny_model(published=dict(zero_scores=True))
    data = batch(points=0, image_valid=[False, False])
    with pytest.warns(UserWarning, match='lacks'):
        found = predict(model, data)
    assert [len(objects) for objects in found] == [0, 0]
    assert found[0].bboxes_3d.tensor.shape == (0, 9) and not len(found[0].labels_3d)


def test_arrays_without_points_or_without_a_camera_are_detected_and_reported_once():
    detector = load_detector('sparsefusion_simulated_nuscenes', device='cpu')
    random = np.random.default_rng(0)
    images = [random.integers(0, 255, (90, 160, 3), dtype=np.uint8) for _ in range(6)]
    calibration = dict(lidar2img=cameras(6))
    cloud = np.column_stack([random.uniform(-20, 20, (500, 2)), np.full(500, -1.5),
                             random.uniform(0, 255, 500), np.zeros(500)]).astype(np.float32)
    for points, pictures, lacking in (
            (cloud[:0], images, 'LiDAR points'),
            (cloud, [None, *images[1:]], 'one or more camera images')):
        with pytest.warns(UserWarning, match=f'a sample lacks {lacking};') as said:
            found = detector(points=points, images=pictures, calibration=calibration)
            detector(points=points, images=pictures, calibration=calibration)
        assert sum('lacks' in str(warning.message) for warning in said) == 1
        assert np.isfinite(found.scores).all() and np.isfinite(found.boxes_3d).all()


@pytest.mark.parametrize(
    'meta', [dict(image_valid=[True, False]), dict(image_valid=[False, False])]
)
def test_missing_inputs_do_not_stop_training(meta):
    model = tiny_model().train()
    data = batch(**meta)
    data['inputs']['points'][1] = data['inputs']['points'][1][:0]
    data['data_samples'][0].gt_instances_3d = data['data_samples'][0].gt_instances_3d[:0]
    with pytest.warns(UserWarning):
        total = losses(model, data)
    total.backward()
    assert total.isfinite()
    assert all(value.grad is None or value.grad.isfinite().all() for value in model.parameters())


def test_an_absent_camera_is_as_if_it_saw_nothing():
    """Its picture must not matter."""
    model = tiny_model().eval()
    first, second = batch(image_valid=[True, False]), batch(image_valid=[True, False])
    second['inputs']['points'] = first['inputs']['points']
    for sample, image in enumerate(first['inputs']['img']):
        second['inputs']['img'][sample] = image.clone()
        second['inputs']['img'][sample][1] = 255
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        one, other = predict(model, first), predict(model, second)
    for a, b in zip(one, other, strict=True):
        torch.testing.assert_close(a.scores_3d, b.scores_3d)
        torch.testing.assert_close(a.bboxes_3d.tensor, b.bboxes_3d.tensor)


def test_numbers_in_the_place_of_a_missing_image_are_left_out():
    """NaN there reaches neither detections nor losses nor gradients."""
    model, data = tiny_model(), batch(image_valid=[True, False])
    data['inputs']['img'] = [image.float() for image in data['inputs']['img']]
    for image in data['inputs']['img']:
        image[1] = torch.nan
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        assert all(found.scores_3d.isfinite().all() and len(found) for found in
                   predict(model, data))
        total = losses(model.train(), data)
    total.backward()
    assert total.isfinite()
    assert all(value.grad is None or value.grad.isfinite().all() for value in model.parameters())


@pytest.mark.parametrize('gone', ['use_lidar', 'use_cameras'])
def test_one_sensor_alone_trains_and_is_no_surprise(gone):
    model = tiny_model(**{gone: False}).train()
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        losses(model, batch()).backward()
        assert len(predict(model, batch())) == 2


def test_half_precision_trains_and_detects_nearly_the_same():
    model = tiny_model()
    with torch.autocast('cpu', torch.bfloat16):
        total = losses(model.train(), batch())
    total.backward()
    assert total.isfinite()
    assert all(value.grad is None or value.grad.isfinite().all() for value in model.parameters())
    model.eval()
    data = model.data_preprocessor(batch())
    with torch.no_grad():
        full = model(data['inputs'], data['data_samples'], mode='tensor')
        with torch.autocast('cpu', torch.bfloat16):
            half = model(data['inputs'], data['data_samples'], mode='tensor')
    assert half.lifted.codes.dtype == torch.float32
    torch.testing.assert_close(half.transferred.heat.float(), full.transferred.heat, atol=0.3,
                               rtol=0)


def test_other_numbers_of_levels_queries_and_layers():
    model = tiny_model(
        head=dict(
            images=dict(channels=16, num_levels=3),
            candidates=dict(channels=16, num_lidar_queries=3, num_camera_queries=500,
                            num_lidar_layers=2))
    )
    assert losses(model.train(), batch()).isfinite()


@pytest.mark.slow
def test_it_learns_two_samples():
    model = tiny_model(
        head=dict(layer=dict(num_heads=2, feedforward_channels=32, dropout=0.0))
    ).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    data = batch(samples=1)
    first = None
    for _ in range(60):
        optimizer.zero_grad()
        total = losses(model, data)
        total.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        first = first if first is not None else total.item()
    assert total.item() < 0.5 * first


def test_every_stage_is_drawn(tmp_path):
    from sparse3d.visualization.frame import Frame, Picture
    from sparsefusion.pictures import STAGES, draw_stages, stage_boxes
    model, data = tiny_model().eval(), batch(samples=1)
    points = data['inputs']['points'][0]
    prepared = model.data_preprocessor(data)
    with torch.no_grad():
        output = model(prepared['inputs'], prepared['data_samples'], mode='tensor')
    boxes = stage_boxes(model.bbox_head, output)
    assert tuple(boxes) == STAGES and [len(boxes[stage]) for stage in STAGES] == [12, 12, 12, 24]
    assert all((found.scores[:-1] >= found.scores[1:]).all() for found in boxes.values())
    frame = Frame('7', points.numpy(), ('car', 'truck'), pictures=(
        Picture('front', np.zeros((HEIGHT, WIDTH, 3), np.uint8), cameras()[0]), ))
    paths = draw_stages(model.bbox_head, output, frame, tmp_path, score_threshold=0.0)
    assert len(paths) == 4 + 3 and all(path.stat().st_size > 1000 for path in paths)


def test_each_detection_is_drawn_with_the_sensor_of_its_query(tmp_path):
    from sparse3d.visualization.frame import Boxes, Frame, Picture
    from sparsefusion.pictures import write_sensors
    from sparsefusion.sensor_picture import candidate_places, draw_sensors, sensor_boxes
    model, data = tiny_model().eval(), batch(samples=1)
    prepared = model.data_preprocessor(data)
    with torch.no_grad():
        output = model(prepared['inputs'], prepared['data_samples'], mode='tensor')
        expected = model.bbox_head.predict_of(output)[0]
    found, sensor = sensor_boxes(model.bbox_head, output)
    np.testing.assert_array_equal(found.boxes, expected.bboxes_3d.tensor.numpy())
    np.testing.assert_array_equal(found.scores, expected.scores_3d.numpy())
    fused = model.bbox_head.coder.decode(model.bbox_head.coder.stack(output.fused))[0].numpy()
    for box, of_cameras in zip(found.boxes, sensor, strict=True):
        rows = np.flatnonzero((fused == box).all(axis=1))
        assert of_cameras in (rows >= 12)
    assert all(len(places) <= 12 for places in candidate_places(model.bbox_head, output))
    frame = Frame('7', data['inputs']['points'][0].numpy(), ('car', 'truck'),
                  Boxes(BOXES.numpy(), np.array([0, 1])), pictures=(
        Picture('front', np.zeros((HEIGHT, WIDTH, 3), np.uint8), cameras()[0]), ))
    path = draw_sensors(model.bbox_head, output, frame, tmp_path, score_threshold=0.0)
    assert path.name == '7_sensors.png' and path.stat().st_size > 5000
    with pytest.raises(ValueError, match='Linear has no candidates of two sensors'):
        write_sensors(nn.Linear(1, 1), {}, frame, tmp_path)


@pytest.mark.parametrize('backbone', [
    dict(type='SparseSwin', embed_dims=8, depths=(2, 2, 2, 2), num_heads=(1, 1, 2, 2),
         ratios=[[.5, .5]] * 4, budget='sample'),
    dict(type='ObjectSeeking', net=dict(type='mmdet.ResNet', depth=18, base_channels=8,
                                        norm_eval=True), patch=(32, 32))],
    ids=['windows', 'patches'])
def test_image_backbones_that_leave_parts_out(backbone):
    """Also where a camera is missing; with quirks of the backbone beside those of the detector."""
    quirks = dict(published=dict(padding=True)) if backbone['type'] == 'SparseSwin' else {}
    model = tiny_model(image_backbone={**backbone, **quirks}, published=dict(padding=True))
    data = model.train().data_preprocessor(batch(), training=True)
    found = model.loss(data['inputs'], data['data_samples'])
    assert ('loss_object_seeking' in found) == (backbone['type'] == 'ObjectSeeking')
    sum(value for name, value in found.items() if 'loss' in name).backward()
    assert all(value.grad is not None for name, value in model.image_backbone.named_parameters())
    with pytest.warns(UserWarning, match='camera images'):
        boxes = predict(model, batch(image_valid=[True, False]))
    assert all(len(one.scores_3d) for one in boxes)
