"""What models of the core and of mmdet3d state: range, voxels, grid, columns, classes."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sparse3d.engine.agreement.statements import Reading, states


@states('Det3DDataPreprocessor')
def voxelization(config: Mapping[str, Any]) -> Reading:
    """Range and size of the voxels, and how many they are along z, y, x."""
    layer = config.get('voxel_layer')
    if not config.get('voxel') or not layer or config.get('voxel_type') in (
            'cylindrical', 'minkunet'):
        return
    limits, size = layer.get('point_cloud_range'), layer.get('voxel_size')
    yield 'model.range', limits, 'voxel_layer.point_cloud_range'
    yield 'model.voxel_size', size, 'voxel_layer.voxel_size'
    if limits and size:
        yield 'model.grid', cells(limits, size), 'voxel_layer'


def range_and_voxels(config: Mapping[str, Any]) -> Reading:
    """Of a part that turns cells into meters: ``point_cloud_range`` and ``voxel_size``."""
    yield 'model.range', config.get('point_cloud_range'), 'point_cloud_range'
    yield 'model.voxel_size', config.get('voxel_size'), 'voxel_size'


def map_head(config: Mapping[str, Any], prefix: str = '') -> Reading:
    """Of a head on a map: ``point_cloud_range``, cells of ``voxel_size`` times ``stride``."""
    for kind, value, key in range_and_voxels(config):
        yield kind, value, f'{prefix}{key}'
    size = config.get('voxel_size')
    if size is not None:
        yield 'model.map_cell', _cell(size, config.get('stride', 1)), f'{prefix}voxel_size'


def coded_head(config: Mapping[str, Any]) -> Reading:
    """Of a head whose ``bbox_coder`` has range, voxels and stride: map, and number of classes."""
    yield from map_head(config['bbox_coder'], 'bbox_coder.')
    yield 'model.num_classes', config.get('num_classes'), 'num_classes'


@states('SparseEncoder', 'SparseUNet')
def sparse_encoder(config: Mapping[str, Any]) -> Reading:
    """Cells along z, y, x."""
    yield 'model.sparse_shape', config.get('sparse_shape'), 'sparse_shape'


@states('PointPillarsScatter')
def pillars(config: Mapping[str, Any]) -> Reading:
    """Cells along y, x."""
    shape = config.get('output_shape')
    yield 'model.sparse_shape', None if shape is None else [1, *shape], 'output_shape'


@states('HardSimpleVFE')
def mean_of_points(config: Mapping[str, Any]) -> Reading:
    """Columns of a point; more would be dropped."""
    yield 'model.columns', config['num_features'], 'num_features'


@states('PillarFeatureNet', 'DynamicPillarFeatureNet', 'HardVFE', 'DynamicVFE')
def learned_voxel_features(config: Mapping[str, Any]) -> Reading:
    """Columns of a point, and the grid where centers of voxels are looked at."""
    yield 'model.columns', config.get('in_channels'), 'in_channels'
    if config.get('with_voxel_center'):
        yield from range_and_voxels(config)


@states('DynamicVoxelEncoder')
def dynamic_voxel_encoder(config: Mapping[str, Any]) -> Reading:
    """Columns of a point, range and size of the voxels."""
    yield 'model.columns', config['in_channels'], 'in_channels'
    yield from range_and_voxels(config)


@states('CenterHead')
def center_head(config: Mapping[str, Any]) -> Reading:
    """Classes by task, and the map that targets and boxes are computed on."""
    tasks = config.get('tasks') or []
    names = [name for task in tasks for name in task.get('class_names', ())]
    yield 'model.classes', names or None, 'tasks'
    yield ('model.num_classes', sum(task['num_class'] for task in tasks if 'num_class' in task)
           or None, 'tasks')
    coder, train = config.get('bbox_coder') or {}, config.get('train_cfg') or {}
    yield 'model.range', coder.get('pc_range'), 'bbox_coder.pc_range'
    if {'voxel_size', 'out_size_factor'} <= set(coder):
        yield ('model.map_cell', _cell(coder['voxel_size'], coder['out_size_factor']),
               'bbox_coder.voxel_size')
    yield from map_targets(train, 'train_cfg')


@states('CenterPoint', 'MVXTwoStageDetector')
def center_targets_of_mmdet3d(config: Mapping[str, Any]) -> Reading:
    """The same where mmdet3d has it."""
    yield from map_targets((config.get('train_cfg') or {}).get('pts') or {}, 'train_cfg.pts')


def map_targets(train: Mapping[str, Any], key: str) -> Reading:
    """Of a CenterPoint's ``train_cfg``: range, cells of the map and what they cover."""
    yield 'model.range', train.get('point_cloud_range'), f'{key}.point_cloud_range'
    size, shape = train.get('voxel_size'), train.get('grid_size')
    if size and 'out_size_factor' in train:
        yield 'model.map_cell', _cell(size, train['out_size_factor']), f'{key}.voxel_size'
    if size and shape and 'point_cloud_range' in train:
        extent = [round(count * length, 4) for count, length in zip(shape[:2], size, strict=False)]
        yield 'model.map_extent', extent, f'{key}.grid_size'


states('TransFusionHead')(coded_head)


@states('Anchor3DHead', 'AnchorFreeMono3DHead', 'BatchedAnchorHead', 'PartAggregationROIHead',
        'PVRCNNRoiHead')
def heads_of_mmdet3d(config: Mapping[str, Any]) -> Reading:
    """Number of classes."""
    yield 'model.num_classes', config.get('num_classes'), 'num_classes'


@states('Anchor3DRangeGenerator', 'AlignedAnchor3DRangeGenerator')
def anchors(config: Mapping[str, Any]) -> Reading:
    """Where the outermost anchors lie, x and y from, x and y to."""
    for number, limits in enumerate(config.get('ranges') or ()):
        yield 'model.anchor_range', [*limits[:2], *limits[3:5]], f'ranges.{number}'


def cells(limits: Sequence[float], size: Sequence[float]) -> list[int]:
    """Number of voxels along z, y, x."""
    return [round((high - low) / length) for low, high, length in
            zip(limits[:3], limits[3:], size, strict=True)][::-1]


def _cell(size: Sequence[float], stride: float) -> list[float]:
    return [round(length * stride, 6) for length in list(size)[:2]]
