"""SECOND and PointPillars of OpenPCDet and mmdet3d become ours, and find the same boxes.

Names and shapes are those of the originals' own definitions, values are random. mmdet3d's boxes
come from mmdet3d's own detector; OpenPCDet's are computed here from its rules, one by one.
"""
from __future__ import annotations

import math
from itertools import product
from pathlib import Path

import mmdet3d
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mmdet3d.registry import MODELS
from mmdet3d.structures import LiDARInstance3DBoxes
from mmengine.config import Config
from mmengine.structures import InstanceData
from torch import Tensor, nn

from baseline_layouts import tensors
from focalsconv.baseline_checkpoints import convert
from sparse3d.checkpoints import Conversion, convert_checkpoint
from sparse3d.checkpoints.open import load_weights, open_checkpoint
from sparse3d.checkpoints.reading import PublishedWeights
from sparse3d.checkpoints.renames import renamed
from sparse3d.engine.checkpoint_config import open_with_config, options_in_effect
from sparse3d.engine.load_config import load_config
from sparse3d.errors import CheckpointError, ConfigError

MMDET3D_CONFIGS = Path(mmdet3d.__file__).parent / '.mim' / 'configs'
THEIR_CONFIGS = dict(
    second='second/second_hv_secfpn_8xb6-80e_kitti-3d-3class.py',
    pointpillars='pointpillars/pointpillars_hv_secfpn_8xb6-160e_kitti-3d-3class.py')
MMDET3D_1 = dict(meta=dict(mmengine_version='0.8.4'))
ALL_BOXES = dict(use_rotate_nms=True, nms_across_levels=False, nms_thr=1.0, score_thr=-1.0,
                 min_bbox_size=0, nms_pre=-1, max_num=5000)
ROWS, COLUMNS = 3, 4  # a small map: anchors, deltas and directions are the same at any size
SIZES = dict(Car=(3.9, 1.6, 1.56), Pedestrian=(.8, .6, 1.73), Cyclist=(1.76, .6, 1.73))
BOTTOMS = dict(Car=-1.78, Pedestrian=-.6, Cyclist=-.6)


def ours_of(done: Conversion) -> nn.Module:
    """Our detector with the options of the conversion; every tensor has a place."""
    config = load_config(done.config, done.options)
    config.model.test_cfg.update(ALL_BOXES)
    model = MODELS.build(config.model).eval()
    model.load_state_dict(done.weights)
    return model


def boxes(head: nn.Module, features: Tensor, first: int = 0) -> np.ndarray:
    """All boxes: class (Car 0, Pedestrian 1, Cyclist 2), score, center, size, cosine and sine."""
    with torch.no_grad():
        found = head.predict_by_feat(
            *head([features]), batch_input_metas=[dict(box_type_3d=LiDARInstance3DBoxes)])[0]
    assert isinstance(found, InstanceData)
    box, labels = found.bboxes_3d, (found.labels_3d + first) % 3
    return _sorted(np.column_stack([labels, found.scores_3d, box.gravity_center, box.dims,
                                    box.yaw.cos(), box.yaw.sin()]))


def _sorted(rows: np.ndarray) -> np.ndarray:
    return rows[np.lexsort((rows[:, 1], rows[:, 0]))]


@pytest.mark.parametrize('detector', THEIR_CONFIGS)
def test_mmdet3ds_own_detector_finds_the_same_boxes(detector):
    published = tensors(f'mmdet3d_{detector}_kitti')
    published['bbox_head.conv_dir_cls.bias'] = torch.arange(12.) * 3  # both directions
    in_spconv_1_order = {name: value.permute(1, 2, 3, 4, 0).contiguous() if value.dim() == 5
                         else value for name, value in published.items()}
    ours = ours_of(convert(PublishedWeights(in_spconv_1_order, MMDET3D_1)))
    config = Config.fromfile(MMDET3D_CONFIGS / THEIR_CONFIGS[detector]).model
    config.test_cfg.update(ALL_BOXES)
    theirs = MODELS.build(config).eval()
    state = theirs.state_dict()
    assert {name: value.shape for name, value in state.items()} == {
        name: value.shape for name, value in published.items()}
    metadata = state._metadata
    state.update(published)
    state._metadata = metadata
    theirs.load_state_dict(state)
    features = torch.randn(1, theirs.bbox_head.in_channels, ROWS, COLUMNS) / 30
    wanted, found = boxes(theirs.bbox_head, features, first=1), boxes(ours.bbox_head, features)
    assert len(wanted) == 3 * 6 * ROWS * COLUMNS
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-4)
    for name, value in state.items():
        if not name.startswith('bbox_head.'):
            assert torch.equal(ours.state_dict()[name], value), name
    if detector == 'pointpillars':
        pillars, counts, places = _pillars()
        with torch.no_grad():
            assert torch.equal(ours.voxel_encoder(pillars.clone(), counts, places),
                               theirs.voxel_encoder(pillars.clone(), counts, places))


@pytest.mark.parametrize('detector', THEIR_CONFIGS)
def test_openpcdets_rules_give_the_same_boxes(detector):
    published = tensors(f'openpcdet_{detector}_kitti')
    published['dense_head.conv_dir_cls.bias'] = torch.arange(12.) * 3
    done = convert(published)
    assert done.config == f'{detector}_kitti_3class' and not done.notes
    ours = ours_of(done)
    features = torch.randn(1, ours.bbox_head.in_channels, ROWS, COLUMNS) / 30
    found = boxes(_on_map_of_its_own(ours.bbox_head), features)
    np.testing.assert_allclose(found, _openpcdet_boxes(published, features), rtol=1e-4, atol=1e-4)


def _on_map_of_its_own(head: nn.Module) -> nn.Module:
    """A range of four by three meters for the small map: the edge of PointPillars' is a half cell.

    The options place anchors from edge to edge of a map of 216 x 248 cells; here the same rule is
    applied to the small one.
    """
    generator = head.prior_generator
    aligned = type(generator).__name__.startswith('Aligned')
    for limits in generator.ranges:
        if aligned:  # the outermost anchors lie on the edges of the range
            cells = np.divide(np.subtract(limits[3:5], limits[:2]), (216, 248))
            np.testing.assert_allclose(limits[:2] + cells / 2, [0, -39.68], atol=1e-6)
            np.testing.assert_allclose(limits[3:5] - cells / 2, [69.12, 39.68], atol=1e-6)
        half = (4 / (COLUMNS - 1) / 2, 3 / (ROWS - 1) / 2) if aligned else (0, 0)
        limits[0], limits[1], limits[3], limits[4] = (
            -half[0], -half[1], 4 + half[0], 3 + half[1])
    return head


def _openpcdet_boxes(published: dict[str, Tensor], features: Tensor) -> np.ndarray:
    """Anchor after anchor: (row, column, class of the anchor, rotation), class agnostic deltas."""
    maps = {name: F.conv2d(features, published[f'dense_head.conv_{name}.weight'],
                           published[f'dense_head.conv_{name}.bias'])[0].permute(1, 2, 0).double()
            .numpy() for name in ('cls', 'box', 'dir_cls')}
    rows = []
    for row, column in product(range(ROWS), range(COLUMNS)):
        x, y = 4 * column / (COLUMNS - 1), 3 * row / (ROWS - 1)
        scores, deltas, bins = (maps[name][row, column].reshape(3, 2, -1)
                                for name in ('cls', 'box', 'dir_cls'))
        for kind, (name, size) in enumerate(SIZES.items()):
            for turn, rotation in enumerate((0, 1.57)):
                anchor = np.array([x, y, BOTTOMS[name] + size[2] / 2])
                delta = deltas[kind, turn]
                across = math.hypot(size[0], size[1])
                center = anchor + delta[:3] * [across, across, size[2]]
                yaw = delta[6] + rotation - .78539
                yaw = yaw - math.floor(yaw / math.pi) * math.pi + .78539
                yaw += math.pi * bins[kind, turn].argmax()
                for label in range(3):
                    score = 1 / (1 + math.exp(-scores[kind, turn, label]))
                    rows.append([label, score, *center, *np.exp(delta[3:6]) * size,
                                 math.cos(yaw), math.sin(yaw)])
    return _sorted(np.array(rows))


def test_openpcdets_pillars_keep_their_coordinates():
    published = tensors('openpcdet_pointpillars_kitti')
    encoder = ours_of(convert(published)).voxel_encoder
    pillars, counts, places = _pillars()
    columns = []
    for pillar, count, (_, _, row, column) in zip(pillars, counts.tolist(), places.tolist(),
                                                  strict=True):
        points = pillar[:count]
        middle = torch.tensor([(column + .5) * .16, (row + .5) * .16 - 39.68, -1.])
        seen = torch.cat([points, points[:, :3] - points[:, :3].mean(0), points[:, :3] - middle], 1)
        empty = torch.zeros(len(pillar) - count, 10)  # padding takes part in the maximum
        values = torch.cat([seen, empty]) @ published['vfe.pfn_layers.0.linear.weight'].t()
        norm = {part: published[f'vfe.pfn_layers.0.norm.{part}']
                for part in ('running_mean', 'running_var', 'weight', 'bias')}
        columns.append(F.batch_norm(values, **norm, eps=1e-3).relu().max(0).values)
    with torch.no_grad():
        found = encoder(pillars.clone(), counts, places)
    torch.testing.assert_close(found, torch.stack(columns), rtol=1e-4, atol=1e-3)


def _pillars() -> tuple[Tensor, Tensor, Tensor]:
    random = torch.Generator().manual_seed(3)
    counts = torch.tensor([1, 5, 32])
    places = torch.tensor([[0, 0, 10, 20], [0, 0, 250, 100], [0, 0, 495, 431]])
    pillars = torch.zeros(3, 32, 4)
    for pillar, count, (_, _, row, column) in zip(pillars, counts, places, strict=True):
        inside = torch.rand(int(count), 4, generator=random)
        pillar[:count] = inside * torch.tensor([.16, .16, 4, 1]) + torch.tensor(
            [column * .16, row * .16 - 39.68, -3, 0])
    return pillars, counts, places


def test_an_angle_and_anchors_come_with_the_weights():
    assert not convert(tensors('openpcdet_second_kitti')).options
    done = convert(PublishedWeights(tensors('mmdet3d_pointpillars_kitti'), MMDET3D_1))
    assert done.options == {'model.published': dict(direction_offset=True, pillar_offsets=True)}


@pytest.mark.parametrize(('layout', 'about'), [
    ('mmdet3d_second_kitti', MMDET3D_1), ('mmdet3d_pointpillars_kitti', MMDET3D_1),
    ('openpcdet_pointpillars_kitti', {})])
def test_each_quirk_reaches_its_part(layout, about):
    """The set is written out as options of mmdet3d's parts, and is what a training keeps."""
    done = convert(PublishedWeights(tensors(layout), about))
    plain, config = load_config(done.config).model, load_config(done.config, done.options)
    assert 'published' not in config.model
    assert options_in_effect(done.options, config) == done.options
    for name in done.published:
        others = {key: value for key, value in done.published.items() if key != name}
        without = load_config(done.config, {'model.published': others})
        assert without.model != config.model
        assert options_in_effect(done.options, without).get('model.published', {}) == others
    for part, name, wanted in (('bbox_head', 'dir_offset', 'direction_offset'),
                               ('voxel_encoder', 'legacy', 'pillar_offsets'),
                               ('bbox_head', 'anchor_generator', 'anchors_at_the_edges')):
        assert (plain[part].get(name) != config.model[part].get(name)) == (
            wanted in done.published)
    load_config(done.config, done.options).model.bbox_head.anchor_generator.ranges[0][0] = 7.0
    assert load_config(done.config, done.options).model == config.model


def test_options_of_the_command_line_come_after_the_set():
    config = load_config('pointpillars_kitti_3class', {
        'model.published': dict(direction_offset=True, pillar_offsets=True),
        'model.published.pillar_offsets': False, 'model.bbox_head.dir_offset': 0.5})
    assert config.model.bbox_head.dir_offset == 0.5 and config.model.voxel_encoder.legacy is False
    assert 'published' not in load_config('second_kitti_3class', {'model.published': None}).model


@pytest.mark.parametrize(('config', 'published', 'words'), [
    ('second_kitti_3class', dict(pillar_offsets=True), "no key 'model.published'"),
    ('second_kitti_3class', dict(corners=True), "no key 'model.published'"),
    ('second_kitti_3class', dict(direction_offset=2), 'direction_offset is 2; give True or False')])
def test_a_set_that_the_model_has_no_part_for_is_refused(config, published, words):
    with pytest.raises(ConfigError, match=words) as refused:
        load_config(config, {'model.published': published})
    assert '\n' not in str(refused.value)


def test_options_of_before_become_fields():
    old = {'model.bbox_head.dir_offset': -math.pi / 2, 'model.voxel_encoder.legacy': True}
    content, changes = renamed(dict(state_dict={'x': torch.ones(1)}, meta=dict(
        config='pointpillars_kitti_3class', config_options=old)))
    assert content['meta']['config_options'] == {
        'model.published': dict(direction_offset=True, pillar_offsets=True)}
    assert changes[0] == 'model.bbox_head.dir_offset -> model.published.direction_offset'


def test_boxes_of_mmdet3d_0_are_refused():
    published = PublishedWeights(tensors('mmdet3d_second_kitti'),
                                 dict(meta=dict(mmdet3d_version='0.17.1')))
    with pytest.raises(CheckpointError, match='is a SECOND of mmdet3d 0.x, whose anchors'):
        convert(published)
    with pytest.raises(CheckpointError, match='does not say which mmdet3d wrote it'):
        convert(tensors('mmdet3d_second_kitti'))


@pytest.mark.parametrize('layout', ['openpcdet_second_kitti', 'openpcdet_pointpillars_kitti',
                                    'mmdet3d_second_kitti', 'mmdet3d_pointpillars_kitti'])
def test_a_missing_an_unknown_and_a_misshapen_tensor_are_named(layout):
    published = tensors(layout)
    name = next(name for name in published if 'blocks.0' in name and name.endswith('weight'))
    for change, message in (({name: None}, 'missing'),
                            ({'strange.weight': torch.ones(1)}, 'strange'),
                            ({name: torch.zeros(3, 2)}, r'shape \(3, 2\)')):
        changed = {key: value for key, value in {**published, **change}.items()
                   if value is not None}
        with pytest.raises(CheckpointError, match=message):
            convert(PublishedWeights(changed, MMDET3D_1))


@pytest.mark.parametrize('extra', ['roi_head.shared_fc_layer.0.weight', 'pfe.vsa.weight',
                                   'backbone_3d.conv_up_t4.conv1.weight',
                                   'dense_head.rpn_heads.0.conv_cls.weight'])
def test_detectors_that_begin_alike_are_told_apart(extra):
    with pytest.raises(CheckpointError):
        convert({**tensors('openpcdet_second_kitti'), extra: torch.zeros(1)})


def test_through_files(tmp_path):
    published = tensors('openpcdet_pointpillars_kitti')
    torch.save(dict(model_state=published, epoch=80, version='pcdet+0.5.2'), tmp_path / 'in.pth')
    done = convert_checkpoint('baselines', tmp_path / 'in.pth', tmp_path / 'out.pth')
    assert open_checkpoint(tmp_path / 'out.pth').options == done.options
    config, opened = open_with_config(done.config, tmp_path / 'out.pth')
    assert config.model.bbox_head.anchor_generator.ranges[0][0] < 0
    model = MODELS.build(config.model)
    load_weights(model, opened)
    assert torch.equal(model.voxel_encoder.pfn_layers[0].linear.weight,
                       published['vfe.pfn_layers.0.linear.weight'])
