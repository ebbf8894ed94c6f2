"""A data set without frames says so, in one sentence with the way out."""
from __future__ import annotations

import pytest
from mmdet3d.registry import DATASETS
from mmengine.registry import init_default_scope

import sparse3d.register  # noqa: F401
from sparse3d.errors import DataError
from sparse3d.transforms.info_files import FORMAT_VERSION, write_info_file
from sparse3d.transforms.split_frames import refuse_no_frames


def test_frames_pass_and_none_are_refused():
    refuse_no_frames(['a frame'], 'infos.pkl', 1)
    with pytest.raises(DataError, match='no samples in infos.pkl: it lists no frames'):
        refuse_no_frames([], 'infos.pkl', 0)
    with pytest.raises(DataError, match='none of its 1,200 frames .*labeled joints'):
        refuse_no_frames([], 'infos.pkl', 1200)


@pytest.mark.parametrize(('kind', 'dataset', 'name'), [
    ('KittiDetectionDataset', 'kitti', 'Car'), ('WaymoDetectionDataset', 'waymo', 'Car'),
    ('WaymoKeypointDataset', 'waymo', 'Human'), ('NuScenesDetectionDataset', 'nuscenes', 'car'),
    ('CustomDetectionDataset', 'custom', 'Car')])
def test_every_dataset_refuses_an_empty_info_file(kind, dataset, name, tmp_path):
    init_default_scope('mmdet3d')
    label = 2 if dataset == 'kitti' else 0
    metainfo = dict(categories={name: label}, dataset=dataset, info_version='1.1',
                    stamp=dict(format_version=FORMAT_VERSION, options={}))
    write_info_file(tmp_path / 'infos.pkl', metainfo, [])
    with pytest.raises(DataError, match='no samples in .*infos.pkl'):
        DATASETS.build(dict(type=kind, data_root=str(tmp_path), ann_file='infos.pkl',
                            metainfo=dict(classes=[name]), pipeline=[]))
