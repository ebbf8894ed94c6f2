"""A small simulated KITTI drive, prepared, with its data set and tracks that make mistakes."""
from __future__ import annotations

from pathlib import Path

from mmengine.config import Config

from sparse3d.datasets.kitti.prepare.sequences import prepare_kitti_tracking
from sparse3d.datasets.kitti.simulate import KittiOptions
from sparse3d.datasets.kitti.simulate.sequences import simulate_kitti_tracking

OPTIONS = KittiOptions(frames_per_drive=5, frame_rate=10.0, azimuths=240, lidar_field=90,
                       image_scale=.05)


def write_drive(root: Path) -> Path:
    """A sequence of five frames that validates."""
    simulate_kitti_tracking(root, 5, seed=3, val_fraction=1, options=OPTIONS, show_progress=False)
    prepare_kitti_tracking(root)
    return root


def drive_config(root: Path) -> Config:
    """Of a data set that reads it."""
    metainfo = dict(classes=['Car', 'Pedestrian', 'Cyclist'])
    dataset = dict(
        type='KittiDetectionDataset', data_root=str(root), test_mode=True, metainfo=metainfo,
        ann_file='kitti_tracking_infos_val.pkl', modality=dict(use_lidar=True, use_camera=False),
        data_prefix=dict(pts='training/velodyne_reduced', img='training/image_02'),
        pipeline=[dict(type='LoadPoints', columns=4),
                  dict(type='Pack3DDetInputs', keys=['points'])])
    return Config(dict(test_dataloader=dict(dataset=dataset), default_scope='mmdet3d'))


def tracks_with_a_swap(root: Path, folder: Path) -> Path:
    """The labels as results; two cars that are always there swap their ids in frame 3."""
    lines = [line.split() for line in
             (root / 'training' / 'label_02' / '0000.txt').read_text().splitlines()]
    seen = [words[1] for words in lines if words[2] == 'Car']
    cars = [one for one in dict.fromkeys(seen) if seen.count(one) == OPTIONS.frames_per_drive][:2]
    swapped = dict(zip(cars, cars[::-1], strict=True))
    for words in lines:
        words.append('0.9')
        if int(words[0]) >= 3:
            words[1] = swapped.get(words[1], words[1])
    folder.mkdir()
    (folder / '0000.txt').write_text(''.join(
        ' '.join(words) + '\n' for words in lines if words[2] != 'DontCare'))
    return folder
