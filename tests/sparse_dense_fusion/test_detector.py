"""The whole detector on little: what untrained branches change, freezing, missing inputs."""
from __future__ import annotations

import copy
import warnings

import pytest
import torch
from mmengine.structures import InstanceData
from torch import nn

from sparse3d.errors import ConfigError

NEW = ('camera_lift.', 'map_fusion.', 'query_fusion.')
BRANCHES = {'dense': (True, False), 'sparse': (False, True), 'both': (True, True),
            'none': (False, False)}


def boxes_of(model: nn.Module, output) -> list[InstanceData]:
    return model.bbox_head.predict_of(output)


def transfusion_with(model: nn.Module, tiny_model) -> nn.Module:
    """The core's TransFusion-L with the LiDAR weights of a model, by name."""
    other = tiny_model(dense=False, sparse=False, lidar='VoxelDetector')
    weights = model.state_dict()  # with the versions of its layers, which spconv asks for
    for name in [name for name in weights if name.startswith((*NEW, 'image_'))]:
        del weights[name]
    other.load_state_dict(weights)
    return other


def add_images_without_numbers(data: dict) -> None:
    for image in data['inputs']['img']:
        image[1] = torch.nan


@pytest.mark.parametrize('branches', BRANCHES)
@pytest.mark.parametrize('meta', [{}, dict(image_valid=[True, False])], ids=['all', 'one camera'])
def test_untrained_branches_change_no_bit_of_transfusion(
        tiny_model, draw_batch, output_of, branches, meta):
    model = tiny_model(*BRANCHES[branches])
    data = draw_batch(**meta)
    if meta:
        add_images_without_numbers(data)
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # a lost camera is reported
        found = output_of(model, copy.deepcopy(data)).found
    other = transfusion_with(model, tiny_model)
    expected = output_of(other, copy.deepcopy(data))['head']
    assert torch.equal(found.features, expected.features)
    assert torch.equal(found.heat, expected.heat)
    assert torch.equal(found.queries, expected.queries)
    assert len(found.layers) == 1 + BRANCHES[branches][1]
    for layer in found.layers:
        for name, value in expected.layers[0].items():
            assert torch.equal(layer[name], value), name
    for ours, theirs in zip(boxes_of(model, found), other.bbox_head.predict_of(expected),
                            strict=True):
        assert len(ours) > 0
        assert torch.equal(ours.bboxes_3d.tensor, theirs.bboxes_3d.tensor)
        assert torch.equal(ours.scores_3d, theirs.scores_3d)
        assert torch.equal(ours.labels_3d, theirs.labels_3d)


def test_trained_branches_change_maps_and_boxes(tiny_model, draw_batch, output_of, stirred):
    model = tiny_model()
    before = output_of(model, draw_batch())
    behind = output_of(stirred(model), draw_batch())
    assert not torch.allclose(before.found.heat, behind.found.heat, atol=1e-3)
    first, second = behind.found.layers
    assert not torch.allclose(first['center'], second['center'], atol=1e-3)
    torch.testing.assert_close(before.cameras, behind.cameras)


def gradients(model: nn.Module, loss: torch.Tensor) -> dict[str, float]:
    model.zero_grad()
    loss.backward()
    return {name: 0.0 if value.grad is None else float(value.grad.abs().max())
            for name, value in model.named_parameters() if name.startswith(NEW)}


def test_gradients_of_the_first_and_the_second_step(tiny_model, draw_batch, loss_of):
    """At first the zero layers alone learn; from the second step on all that is new does."""
    model = tiny_model().train()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    first = gradients(model, loss_of(model, draw_batch()))
    outputs = ('attention.output_proj', 'attention.out_proj')
    at_once = {name for name in first if any(part in name for part in outputs)
               or name.startswith('map_fusion') and '.feed_forward.2.' in name
               or name.startswith('query_fusion') and '.feed_forward.3.' in name}
    assert len(at_once) == 2 * 4 + 4
    assert {name for name, value in first.items() if value > 0} == at_once
    optimizer.step()
    second = gradients(model, loss_of(model, draw_batch()))
    assert [name for name, value in second.items() if not value > 0] == []


def test_a_frozen_lidar_stays_for_ten_steps(tiny_model, draw_batch, loss_of):
    model = tiny_model(freeze_lidar=True).train()
    before = copy.deepcopy(model.state_dict())
    optimizer = torch.optim.SGD([value for value in model.parameters() if value.requires_grad],
                                lr=1e-3)
    data = draw_batch()
    for _ in range(10):
        optimizer.zero_grad()
        loss_of(model, copy.deepcopy(data)).backward()
        optimizer.step()
    frozen = ('voxel_encoder.', 'middle_encoder.', 'backbone.', 'neck.', 'bbox_head.shared.')
    now = model.state_dict()
    moved = {name for name in now if not torch.equal(before[name], now[name])}
    assert not [name for name in moved if name.startswith(frozen)]
    assert all(any(name.startswith(part) for name in moved)
               for part in (*NEW, 'image_backbone.', 'bbox_head.heat.', 'bbox_head.decoder.'))


@pytest.mark.parametrize('case', ['no points in one sample', 'no points at all', 'no voxels given',
                                  'no depths', 'one camera', 'no camera', 'no images given',
                                  'nothing'])
def test_what_is_missing_is_done_without(tiny_model, draw_batch, stirred, case):
    model = stirred(tiny_model()).eval()
    meta = {'one camera': dict(image_valid=[True, False]),
            'no camera': dict(image_valid=[False] * 2),
            'nothing': dict(image_valid=[False] * 2)}.get(case, {})
    data = draw_batch(points=0 if case in ('no points at all', 'nothing') else None, **meta)
    if case == 'no points in one sample':
        data['inputs']['points'][1] = data['inputs']['points'][1][:0]
    if case == 'no depths':  # points of an earlier sweep alone
        for cloud in data['inputs']['points']:
            cloud[:, 4] = 0.1
    without = {'no voxels given': ('points', 'voxels'), 'no images given': ('imgs', )}.get(case, ())
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter('always')
        found = predict(model, data, without)
        predict(model, data, without)
    reports = [str(warning.message) for warning in said if 'lacks' in str(warning.message)]
    expected = dict(nothing=2).get(case, 0 if case == 'no depths' else 1)
    assert len(reports) == expected, reports  # said once
    assert len(found) == 2
    for objects in found:
        assert objects.scores_3d.isfinite().all()
        assert objects.bboxes_3d.tensor.isfinite().all()
        assert (len(objects) == 0) == (case == 'nothing')


@torch.no_grad()
def predict(model: nn.Module, data: dict, without: tuple[str, ...] = ()) -> list[InstanceData]:
    prepared = model.data_preprocessor(copy.deepcopy(data))
    inputs = {name: value for name, value in prepared['inputs'].items() if name not in without}
    return [sample.pred_instances_3d
            for sample in model.predict(inputs, prepared['data_samples'])]


def test_without_points_queries_alone_find_nothing(tiny_model, draw_batch, stirred):
    """They are chosen on the LiDAR's map; the cameras have none without the dense branch."""
    model = stirred(tiny_model(dense=False)).eval()
    data = draw_batch()
    data['inputs']['points'][1] = data['inputs']['points'][1][:0]
    with pytest.warns(UserWarning, match='lacks LiDAR points'):
        found = predict(model, data)
    assert len(found[0]) > 0 and len(found[1]) == 0


@pytest.mark.parametrize('meta', [dict(image_valid=[True, False]), dict(image_valid=[False] * 2)])
def test_empty_members_of_a_batch_do_not_stop_training(tiny_model, draw_batch, loss_of, meta):
    model = tiny_model(camera_lift=dict(
        type='CameraLift', image_channels=16, channels=16, context_channels=8, hidden_channels=16,
        depth_loss_weight=1.0)).train()
    data = draw_batch(**meta)
    add_images_without_numbers(data)
    data['inputs']['points'][1] = data['inputs']['points'][1][:0]
    data['data_samples'][0].gt_instances_3d = data['data_samples'][0].gt_instances_3d[:0]
    with pytest.warns(UserWarning, match='lacks'):
        total = loss_of(model, data)
    total.backward()
    assert total.isfinite()
    assert all(value.grad is None or value.grad.isfinite().all() for value in model.parameters())


@pytest.mark.parametrize('valid', [[True, False], [False, False]])
def test_pictures_of_absent_cameras_do_not_matter(tiny_model, draw_batch, output_of, stirred,
                                                  valid):
    model = stirred(tiny_model())
    results = []
    for value in (0.0, 255.0):
        data = draw_batch(image_valid=valid)
        for image in data['inputs']['img']:
            image[~torch.tensor(valid)] = value
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            results.append(output_of(model, data).found)
    assert torch.equal(results[0].heat, results[1].heat)
    for name, value in results[0].layers[-1].items():
        assert value.isfinite().all() and torch.equal(value, results[1].layers[-1][name])


def test_cameras_may_come_in_any_order(tiny_model, draw_batch, output_of, stirred):
    model = stirred(tiny_model())
    data, turned = draw_batch(), draw_batch()
    for sample, image in enumerate(turned['inputs']['img']):
        turned['inputs']['img'][sample] = image.flip(0)
        metas = turned['data_samples'][sample]
        metas.set_metainfo(dict(lidar2img=metas.lidar2img[::-1].copy()))
    one, other = (output_of(model, each) for each in (data, turned))
    torch.testing.assert_close(one.cameras, other.cameras, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(one.found.heat, other.found.heat, atol=1e-5, rtol=1e-5)


def test_a_sample_alone_is_as_in_a_batch(tiny_model, draw_batch, output_of, stirred):
    model = stirred(tiny_model())
    data = draw_batch(3)
    data['inputs']['points'][1] = data['inputs']['points'][1][:0]
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        together = output_of(model, copy.deepcopy(data))
        for row in range(3):
            alone = output_of(model, dict(
                inputs={name: [value[row]] for name, value in data['inputs'].items()},
                data_samples=[data['data_samples'][row]]))
            torch.testing.assert_close(alone.found.heat[0], together.found.heat[row],
                                       atol=1e-5, rtol=1e-5)
            torch.testing.assert_close(alone.cameras[0], together.cameras[row], atol=1e-5,
                                       rtol=1e-5)


@pytest.mark.parametrize('gone', ['use_lidar', 'use_cameras'])
def test_one_sensor_alone_trains_and_is_no_surprise(tiny_model, draw_batch, loss_of, gone):
    model = tiny_model(**{gone: False}).train()
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        loss_of(model, draw_batch()).backward()
        assert len(predict(model.eval(), draw_batch())) == 2


def test_half_precision_is_finite(tiny_model, draw_batch, loss_of, output_of, stirred):
    model = stirred(tiny_model()).train()
    with torch.autocast('cpu', torch.bfloat16):
        total = loss_of(model, draw_batch())
    total.backward()
    assert total.isfinite()
    assert all(value.grad is None or value.grad.isfinite().all() for value in model.parameters())
    full = output_of(model, draw_batch())
    with torch.autocast('cpu', torch.bfloat16):
        half = output_of(model, draw_batch())
    torch.testing.assert_close(half.found.heat.float(), full.found.heat, atol=0.3, rtol=0)


@pytest.mark.parametrize('changes, words', [
    (dict(map_fusion=None), 'camera_lift, .* need map_fusion as well'),
    (dict(image_backbone=None), 'need image_backbone as well'),
    (dict(camera_lift=None, map_fusion=None, query_fusion=None),
     'image_backbone, image_neck serve no branch: set them to None')])
def test_half_a_branch_is_refused_in_one_sentence(tiny_model, changes, words):
    with pytest.raises(ConfigError, match=words) as refused:
        tiny_model(**changes)
    assert str(refused.value).count('\n') == 0


def test_the_losses_have_the_names_of_the_layers(tiny_model, draw_batch):
    model = tiny_model().train()
    prepared = model.data_preprocessor(draw_batch(), training=True)
    losses = model.loss(prepared['inputs'], prepared['data_samples'])
    assert set(losses) == {'loss_heatmap'} | {
        f'layer_{number}_{name}' for number in (0, 1)
        for name in ('loss_cls', 'loss_bbox', 'matched_ious')}
    torch.testing.assert_close(losses['layer_0_loss_bbox'], losses['layer_1_loss_bbox'])
