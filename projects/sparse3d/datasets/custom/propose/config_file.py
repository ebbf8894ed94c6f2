"""The choices for a custom data set as a config file that inherits ours."""
from __future__ import annotations

import os
import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sparse3d.atomic_files import make_folder, write_bytes_atomically
from sparse3d.datasets.custom.prepare.frames import DATABASE_INDEX
from sparse3d.datasets.custom.propose.choices import Choices, choose
from sparse3d.datasets.custom.propose.measure import DataNumbers, measure
from sparse3d.errors import DataError

FAR = 10.0  # meters beyond the range, where detections are still kept


@dataclass(frozen=True)
class Proposal:
    """A written config, and why it is as it is."""

    path: Path
    choices: Choices

    def __str__(self) -> str:
        reasons = '\n'.join(f'  {reason}' for reason in self.choices.reasons.values())
        return (f'{", ".join(self.choices.class_names)}\n{reasons}\n'
                f'wrote {self.path}; read it, then '
                f'"sparse3d train {self.path} --epochs {self.choices.epochs}"')


def propose_config(root: str | os.PathLike, out: str | os.PathLike | None = None,
                   overwrite: bool = False) -> Proposal:
    """Write a config for a prepared custom data set: a CenterPoint on voxels.

    Args:
        root: of the data set.
        out: file to write; by default ``<root>/centerpoint_<name of root>.py``.
        overwrite: replace a file that is there.

    Raises:
        DataError: if the data cannot tell, or the file is there already.
    """
    root = Path(root)
    name = re.sub(r'\W+', '_', root.resolve().name).strip('_') or 'data'
    path = Path(out) if out is not None else root / f'centerpoint_{name}.py'
    if path.suffix != '.py':
        raise DataError(f'{path} is no name of a config: it ends in .py')
    if path.exists() and not overwrite:
        raise DataError(f'{path} is there already, perhaps with changes of yours; give another '
                        f'--out, or --overwrite')
    numbers = measure(root)
    choices = choose(numbers)
    text = config_text(root, numbers, choices)
    make_folder(path.parent)
    write_bytes_atomically(path, text.encode())
    return Proposal(path, choices)


def config_text(root: Path, numbers: DataNumbers, choices: Choices) -> str:
    """The text of the config."""
    limits, size, reasons = choices.point_cloud_range, choices.voxel_size, choices.reasons
    low, high = limits[:3], limits[3:]
    center_range = [round(value, 4) for value in (low[0] - FAR, low[1] - FAR, low[2] - FAR,
                                                  high[0] + FAR, high[1] + FAR, high[2] + FAR)]
    sizes = '; '.join(f'{one.name} {one.size[0]:.2f}, {one.size[1]:.2f}, {one.size[2]:.2f}'
                      for one in numbers.classes)
    database = (root / DATABASE_INDEX).is_file()
    blocks = [
        f'# Proposed by "sparse3d create-data config" from {numbers.frames[0]} training and\n'
        f'# {numbers.frames[1]} validation frames. Every value may be changed.\n'
        f'_base_ = [\n    {_text("sparse3d::_base_/models/centerpoint_small.py")},\n'
        f'    {_text("sparse3d::_base_/datasets/custom_data.py")},\n'
        f'    {_text("sparse3d::_base_/schedules/onecycle_minutes.py")},\n'
        f'    {_text("sparse3d::_base_/default_runtime.py")},\n]\n'
        f'data_root = {_text(root.as_posix())}',
        _reason(reasons['class_names']) + f'class_names = {_texts(choices.class_names)}\n'
        'metainfo = dict(classes=class_names)',
        _reason(f'{reasons["point_cloud_range"]}; {reasons["height"]}')
        + f'point_cloud_range = {list(limits)}  # meters: x, y, z from, x, y, z to',
        _reason(reasons['voxel_size'])
        + f'grid_voxel_size = {list(size)}  # meters\n'
        f'grid_shape = {list(choices.grid_shape)}  # along z (one more), y, x',
        f'columns = {numbers.columns}  # numbers of a point',
        _pipelines(choices, database),
        _loaders(),
        _reason(f'{reasons["max_voxels"]}; {reasons["max_objects"]}')
        + _reason(f'NMS: {reasons["nms_threshold"]}')
        + _reason(f'one task a class, so that classes do not suppress each other; no anchors: '
                  f'the head learns sizes by itself (median dx, dy, dz: {sizes})')
        + _model(choices, center_range),
        _reason(f'IoU thresholds of the scores: {reasons["iou_thresholds"]}')
        + f'val_evaluator = dict(iou_thresholds={list(choices.iou_thresholds)})\n'
        'test_evaluator = val_evaluator',
        _reason(reasons['epochs']).rstrip('\n'),
    ]
    return '\n\n'.join(blocks) + '\n'


def _pipelines(choices: Choices, database: bool) -> str:
    sampling = '''\
    dict(
        type='GroundTruthSampling',
        database=dict(
            data_root=data_root, info_path=data_root + '/own_dbinfos_train.pkl', columns=columns),
        classes=class_names,
        groups=10),
''' if database else ''
    augment = ("rotation=[-0.785, 0.785], scale=[0.95, 1.05], flip_horizontal=0.5,\n"
               "         flip_vertical=0.5" if choices.all_around else
               'rotation=[-0.4, 0.4], scale=[0.95, 1.05], flip_horizontal=0.5')
    return f'''\
train_pipeline = [
    dict(type='LoadPointFile', columns=columns),
    dict(type='LoadAnnotations3D', with_bbox_3d=True, with_label_3d=True),
{sampling}\
    dict(type='AugmentScene', {augment}),
    dict(type='PointsRangeFilter', point_cloud_range=point_cloud_range),
    dict(type='ObjectRangeFilter', point_cloud_range=point_cloud_range),
    dict(type='ShufflePoints'),
    dict(type='PackSample', keys=['points', 'gt_bboxes_3d', 'gt_labels_3d']),
]
test_pipeline = [
    dict(type='LoadPointFile', columns=columns),
    dict(type='PointsRangeFilter', point_cloud_range=point_cloud_range),
    dict(type='PackSample', keys=['points']),
]'''


def _loaders() -> str:
    return '''\
train_dataloader = dict(
    dataset=dict(data_root=data_root, pipeline=train_pipeline, metainfo=metainfo))
val_dataloader = dict(
    dataset=dict(data_root=data_root, pipeline=test_pipeline, metainfo=metainfo))
test_dataloader = val_dataloader'''


def _model(choices: Choices, center_range: Sequence[float]) -> str:
    tasks = '\n'.join(f'            dict(num_class=1, class_names=[{_text(name)}]),'
                      for name in choices.class_names)
    return f'''\
model = dict(
    data_preprocessor=dict(
        voxel_layer=dict(
            point_cloud_range=point_cloud_range,
            voxel_size=grid_voxel_size,
            max_voxels={choices.max_voxels})),
    voxel_encoder=dict(num_features=columns),
    middle_encoder=dict(in_channels=columns, sparse_shape=grid_shape),
    bbox_head=dict(
        tasks=[
{tasks}
        ],
        bbox_coder=dict(
            pc_range=point_cloud_range[:2],
            post_center_range={list(center_range)},
            voxel_size=grid_voxel_size[:2]),
        train_cfg=dict(
            grid_size=grid_shape[::-1],
            voxel_size=grid_voxel_size,
            point_cloud_range=point_cloud_range,
            max_objs={max(choices.max_objects, 100)}),
        test_cfg=dict(
            post_center_limit_range={list(center_range)},
            nms_thr={choices.nms_threshold},
            post_max_size={choices.max_objects})))'''


def _reason(text: str) -> str:
    """Lines of comment; what a name holds cannot end one."""
    return ''.join(f'# {line}\n' for line in textwrap.wrap(_plain(text), 96))


def _plain(text: str) -> str:
    """Text without what a config would fill in, and without ends of lines."""
    return ' '.join(text.split()).replace('{{', '{ {')


def _text(value: str) -> str:
    """A name as Python writes it, in which a config finds nothing to fill in."""
    return repr(value).replace('{{', r'\x7b{')


def _texts(values: Sequence[str]) -> str:
    return '[' + ', '.join(map(_text, values)) + ']'
