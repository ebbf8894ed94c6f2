"""Each row of the comparison table, through each verb that reads a config."""
from __future__ import annotations

import re
from collections.abc import Callable
from copy import deepcopy
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config

from sparse3d.apis import load_config, load_detector, test, train, visualize
from sparse3d.apis.analyze import analyze
from sparse3d.apis.detect_files import detect_files
from sparse3d.apis.model_cost import measure_cost
from sparse3d.apis.predicted_frames import frame_loader
from sparse3d.engine.agreement import ROWS, check_config, statements_in, states
from sparse3d.engine.agreement.check import disagreements
from sparse3d.engine.agreement.statements import READERS
from sparse3d.engine.build_model import build_model
from sparse3d.errors import ConfigError

ROOT = Path(__file__).resolve().parents[4]
CONFIGS = [path for path in sorted(ROOT.glob('configs/*/*.py')) if path.parent.name != '_base_']
LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')
CENTER, REGIONS = 'centerpoint_simulated_kitti_car', 'focalsconv_voxel_rcnn_simulated_kitti_car'
VIDEO, PEOPLE = 'sparsebev_simulated_nuscenes', 'voxelkp_simulated_waymo'
OBJECTS = dict(type='GroundTruthSampling', classes=['Car'], groups={},
               database=dict(data_root='', info_path='', columns=3))

def a_cloud(out: Path) -> Path:
    np.zeros((4, 4), np.float32).tofile(out.parent / 'a.bin')
    return out.parent / 'a.bin'


VERBS: dict[str, Callable] = {
    'train': lambda config, file, out: train(config, out, dry_run=True),
    'test': lambda config, file, out: test(config, file, out),
    'visualize': lambda config, file, out: visualize(config, file, out),
    'analyze': lambda config, file, out: analyze(config, file, out),
    'view': lambda config, file, out: frame_loader(config, file),
    'detect': lambda config, file, out: detect_files(config, file, [a_cloud(out)], out),
    'load_detector': lambda config, file, out: load_detector(config, file, 'cpu'),
    'build_model': lambda config, file, out: build_model(config),
    'measure_cost': lambda config, file, out: measure_cost(config, file, 1),
}


@cache
def _read(name: str) -> Config:
    return load_config(next(path for path in CONFIGS if path.stem == name))


def in_data(change: Callable[[dict], None]) -> Callable[[Config], None]:
    """The same change in the dataset of each loader."""
    return lambda config: [change(config[loader].dataset) for loader in LOADERS] and None


def set_key(key: str, value) -> Callable[[Config], None]:
    return lambda config: config.merge_from_dict({key: value})


def step_added(**step) -> Callable[[Config], None]:
    return in_data(lambda dataset: dataset.pipeline.append(dict(step)))


def other_range(dataset: dict) -> None:
    for step in dataset.pipeline:
        if step.type == 'PointsRangeFilter':
            step.point_cloud_range = [-51.2, -51.2, -3, 51.2, 51.2, 1]


def people_of_two_kinds(config: Config) -> None:
    for loader in LOADERS:
        dataset = config[loader].dataset
        if 'datasets' not in dataset:
            two = [dataset, deepcopy(dataset)]
            config[loader].dataset = dict(type='ConcatDataset', datasets=two)
        config[loader].dataset.datasets[1].metainfo.classes = ['Rider']


# (kinds of the row) -> config, what a user does to it, what is said
CASES = {
    ('data.frames', 'model.frames'): (
        VIDEO, in_data(lambda dataset: dataset.frames.update(num_frames=4)),
        r'frames of data and model differ in sparsebev_sim\S+: 4 \(\w+_dataloader.dataset.frames'
        r'.num_frames\) and 2 \(model.\S+num_frames\); give'),
    ('model.frames', 'model.frames'): (
        VIDEO, set_key('model.data_preprocessor.num_frames', 1),
        r'1 \(model.data_preprocessor.num_frames\) and 2 \(model.bbox_head.decoder.num_frames\)'),
    ('data.frame_kind', 'model.frame_kind'): (
        VIDEO, in_data(lambda dataset: dataset.frames.update(kind='future')),
        r'future \(\S+frames.kind\) and past \(model.frame_kind\)'),
    ('data.cameras', 'model.cameras'): (
        VIDEO, set_key('model.rig', dict(type='RigOfThree')),
        r'6 \(CAM_FRONT, .*\) \(\S+pipeline.0.cameras\) and 3 \(model.rig.cameras\)'),
    ('data.classes', 'model.classes'): (
        CENTER, in_data(lambda dataset: dataset.metainfo.update(classes=['Pedestrian'])),
        r'1 \(Pedestrian\) \(\S+metainfo.classes\) and 1 \(Car\) \(model.bbox_head.tasks\)'),
    ('data.classes', 'model.num_classes'): (
        VIDEO, in_data(lambda dataset: dataset.metainfo.update(classes=['car', 'bus'])),
        r'2 \(car, bus\) \(\S+metainfo.classes\) and 4 \(model.bbox_head.num_classes\)'),
    ('data.classes', 'data.classes'): (
        PEOPLE, people_of_two_kinds, r'1 \(Human\) \(.*and 1 \(Rider\)'),
    ('data.classes', 'data.listed_classes'): (
        CENTER, step_added(type='KeepObjects', classes=['Van']), r'1 \(Car\) .* and 1 \(Van\) \('),
    ('data.points_range', 'model.range'): (
        CENTER, in_data(other_range),
        r'\[-51.2, -51.2, -3, 51.2, 51.2, 1\] \(\S+point_cloud_range\) and '
        r'\[0, -20, -3, 51.2, 20, 1\] \(model.data_preprocessor.voxel_layer.point_cloud_range\)'),
    ('data.objects_range', 'model.range'): (
        CENTER, step_added(type='KeepObjects', point_cloud_range=[0, -30, -3, 51.2, 20, 1]),
        'range of objects and of the model'),
    ('model.range', 'model.range'): (
        CENTER, set_key('model.bbox_head.bbox_coder.pc_range', [-51.2, -20]),
        r'\[-51.2, -20\] \(model.bbox_head.bbox_coder.pc_range\)'),
    ('model.voxel_size', 'model.voxel_size'): (
        REGIONS, set_key('model.roi_head.pooling.voxel_size', [0.2, 0.2, 0.2]),
        r'\[0.1, 0.1, 0.1\] .* and \[0.2, 0.2, 0.2\] \(model.roi_head.pooling.voxel_size\)'),
    ('model.sparse_shape', 'model.grid'): (
        CENTER, set_key('model.data_preprocessor.voxel_layer.voxel_size', [0.2, 0.2, 0.2]),
        r'\[41, 400, 512\] \(model.middle_encoder.sparse_shape\) and \[20, 200, 256\] \('),
    ('model.map_cell', 'model.voxel_size'): (
        CENTER, lambda config: (set_key('model.bbox_head.bbox_coder.voxel_size', [0.09, 0.09])(
            config), set_key('model.bbox_head.train_cfg', None)(config)),
        r'\[0.36, 0.36\] \(model.bbox_head.bbox_coder.voxel_size\) and \[0.1, 0.1, 0.1\]'),
    ('model.map_cell', 'model.map_cell'): (
        CENTER, set_key('model.bbox_head.train_cfg.out_size_factor', 8),
        r'\[0.4, 0.4\] \(.* and \[0.8, 0.8\] \(model.bbox_head.train_cfg.voxel_size\)'),
    ('model.map_extent', 'model.range'): (
        CENTER, set_key('model.bbox_head.train_cfg.grid_size', [256, 400, 41]),
        r'\[25.6, 40\] \(model.bbox_head.train_cfg.grid_size\)'),
    ('model.anchor_range', 'model.range'): (
        REGIONS, set_key('model.rpn_head.anchor_generator.ranges',
                         [[0, -20, -1.78, 30, 20, -1.78]]),
        r'\[0, -20, 30, 20\] \(model.rpn_head.anchor_generator.ranges.0\)'),
    ('data.columns', 'model.columns'): (
        CENTER, in_data(lambda dataset: dataset.pipeline[0].update(columns=3)),
        r'3 \(\S+pipeline.0.columns\) and 4 \(model.voxel_encoder.num_features\)'),
    ('data.columns', 'data.pasted_columns'): (
        CENTER, step_added(**OBJECTS), r'4 \(.*\) and 3 \('),
}
# These look at files; see test_files.py.
OF_FILES = {('files.cameras', 'data.cameras'), ('files.columns', 'data.file_columns'),
            ('checkpoint.classes', 'data.classes')}


@pytest.fixture(autouse=True)
def rig_of_three():
    """A part of a model, as a plug-in may register one, that is made for three cameras."""
    states('RigOfThree')(lambda config: [('model.cameras', 3, 'cameras')])
    yield
    del READERS['RigOfThree']


@pytest.fixture
def some_checkpoint(tmp_path):
    path = tmp_path / 'weights.pth'
    torch.save(dict(state_dict=dict(weight=torch.zeros(1))), path)
    return path


def test_every_row_has_a_case():
    assert set(CASES) | OF_FILES == {(row.first, row.second) for row in ROWS}
    assert len(ROWS) == len({(row.first, row.second) for row in ROWS})


@pytest.mark.parametrize('verb', VERBS)
@pytest.mark.parametrize('kinds', CASES, ids=' - '.join)
def test_a_verb_refuses_what_disagrees_before_it_reads_data(
        kinds, verb, some_checkpoint, tmp_path):
    name, change, said = CASES[kinds]
    config = deepcopy(_read(name))
    change(config)
    with pytest.raises(ConfigError, match=said) as caught:
        VERBS[verb](config, some_checkpoint, tmp_path / 'out')
    row = next(row for row in ROWS if (row.first, row.second) == kinds)
    assert str(caught.value).endswith(row.way_out) and '\n' not in str(caught.value)
    assert not (tmp_path / 'out').exists()


@pytest.mark.parametrize('kinds', CASES, ids=' - '.join)
def test_the_case_breaks_this_row_and_without_it_nothing_does(kinds):
    name, change, _ = CASES[kinds]
    config = deepcopy(_read(name))
    check_config(config, ('train', 'val', 'test'))
    change(config)
    said = [*statements_in(config.model.to_dict(), 'model'),
            *statements_in(config.test_dataloader.dataset.to_dict(), 'data')]
    assert kinds in {(row.first, row.second) for row, _, _ in disagreements(said)}


@pytest.mark.parametrize('name', [
    'transfusion_l_simulated_nuscenes_half_beams', 'sparsefusion_simulated_nuscenes',
    'voxelkp_waymo', 'dsvt_pillar_nuscenes_20e'])
def test_voxels_twice_as_large_for_the_head_alone_are_refused(name):
    """A cell of its map is made of whole voxels all the same."""
    config = load_config(name)
    head = config.model.bbox_head
    place = head.get('bbox_coder') or head
    place.voxel_size = [2 * size for size in place.voxel_size]
    with pytest.raises(ConfigError, match='sizes of voxels in the model differ'):
        check_config(config, ['test'])


@pytest.mark.parametrize('path', CONFIGS, ids=lambda path: path.stem)
def test_every_config_of_the_repository_agrees_and_says_enough_to_be_compared(path):
    config = load_config(path)
    check_config(config, ('train', 'val', 'test'))
    said = {statement.kind for key in ('model', 'train_dataloader')
            for statement in statements_in(config[key].to_dict(), key)}
    assert {'data.classes', 'model.num_classes'} <= said
    if config.model.type == 'Sparse4D':  # has no range; takes points for its targets of depth
        assert {'data.frames', 'data.frame_kind', 'data.cameras'} <= said
        return
    assert 'model.range' in said
    if 'LoadXYZPoints' in str(config.train_dataloader.to_dict()):  # the range is about a ground
        assert {'data.columns', 'model.columns', 'model.grid'} <= said  # that is found later
        return
    steps = re.findall(r"'type': '(Load\w+)'", str(config.train_dataloader.to_dict()))
    if any('Points' in step or step == 'LoadPointFile' for step in steps):
        assert {'data.columns', 'model.columns', 'model.grid', 'model.sparse_shape'} <= said
        # the depth image of a fusion model takes all points: its range is that of the objects
        ranged = 'PointsRangeFilter' in str(config.train_dataloader.to_dict())
        assert ('data.points_range' if ranged else 'data.objects_range') in said
    else:
        assert {'data.frames', 'model.frames', 'data.frame_kind', 'model.frame_kind',
                'data.cameras', 'data.objects_range'} <= said


def test_a_config_without_data_or_without_a_model_has_nothing_to_disagree():
    config = deepcopy(_read(VIDEO))
    config.merge_from_dict({'model.data_preprocessor.num_frames': 4,
                            'model.bbox_head.decoder.num_frames': 4})
    with pytest.raises(ConfigError, match='frames of data and model'):
        check_config(config, ('test',))
    check_config(Config(dict(model=config.model)), ('train', 'val', 'test'))
    check_config(Config(dict(test_dataloader=config.test_dataloader)), ('train', 'val', 'test'))


def test_defaults_count_and_derived_classes_state_what_their_bases_do():
    def kinds(node: dict) -> dict:
        return {found.kind: found.value for found in statements_in(node, 'x')}

    assert kinds(dict(type='LoadPointFile'))['data.columns'] == 4
    assert kinds(dict(type='LoadPoints', columns=6, use=[0, 1, 2]))['data.columns'] == 3
    assert kinds(dict(type='SparseBEVHead', num_classes=2, num_queries=4,
                      point_cloud_range=[0] * 6))['model.frames'] == 8
    assert kinds(dict(type='MovingCenterHead', tasks=[
        dict(num_class=1, class_names=['a']), dict(num_class=2, class_names=['b', 'c'])]))[
            'model.classes'] == ['a', 'b', 'c']
    merged = [dict(type='LoadPointsFromFile', load_dim=5, use_dim=3),
              dict(type='LoadPointsFromMultiSweeps', use_dim=[0, 1, 2, 3, 4])]
    columns = [found.value for found in statements_in(merged, 'x') if found.kind == 'data.columns']
    assert columns == [5]  # what the last loader leaves
