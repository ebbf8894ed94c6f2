"""What the reader of a page brings along: drives, weights to be had elsewhere, own clouds.

Published checkpoints cannot be part of the tests. In their place stand files of the released
layout: the released names and shapes, and values that follow from them.
"""
from __future__ import annotations

import runpy
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import torch
from short_commands import DSVT_SMALL
from torch import Tensor

ROOT = Path(__file__).resolve().parents[2]
TESTS = ROOT / 'tests'
Weights = Mapping[str, Tensor]
NEAR = 16.0  # meters; a whole cloud takes large models long


def write_readers_files(page: str, folder: Path, golden: Callable[[], Path]) -> None:
    """Write what the reader of ``page`` has, into the folder in which the page is followed.

    Args:
        golden: gives the folder of stored outputs, where released names and shapes are.
    """
    for name, write in READERS_FILES.get(page, {}).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        write(folder, folder / name, golden)


def text_as_read(page: str, text: str) -> str:
    """A command or snippet with what the reader puts in place of the page's own words."""
    for placeholder, real in READERS_WORDS.get(page, {}).items():
        text = text.replace(placeholder, real)
    return text


def _module(path: str) -> SimpleNamespace:
    return SimpleNamespace(**runpy.run_path(str(TESTS / path)))


def _cloud(pattern: str, columns: slice, folder: Path, path: Path, golden: Callable) -> None:
    import numpy as np
    source = sorted(folder.glob(pattern))[0]
    width = 6 if 'waymo' in pattern else 4
    points = np.fromfile(source, np.float32).reshape(-1, width)[:, columns]
    near = np.abs(points[:, :2]).max(1) < NEAR
    path.write_bytes(np.ascontiguousarray(points[near]).tobytes())


kitti_cloud = partial(_cloud, 'data/kitti/training/velodyne/*.bin', slice(0, 4))
waymo_cloud = partial(_cloud, 'data/waymo/kitti_format/training/velodyne/*.bin', slice(0, 5))


def old_nuscenes_infos(folder: Path, path: Path, golden: Callable) -> None:
    """What mmdet3d 0.x would have made of the drive."""
    from sparse3d.transforms.info_files import read_info_file, write_plain_file
    info = read_info_file(folder / 'data/nuscenes' / path.name, 'nuscenes')
    old = _module('sparse3d/datasets/nuscenes/test_check.py').as_old_file(info, True)
    write_plain_file(path, old)


def old_kitti_infos(folder: Path, path: Path, golden: Callable) -> None:
    """What mmdet3d 0.x would have made of the drive."""
    from sparse3d.transforms.info_files import write_plain_file
    tests = _module('sparse3d/datasets/kitti/prepare/test_upgrade.py')
    write_plain_file(path, tests.as_old_file(folder / 'data/kitti'))


def nuscenes_test_infos(folder: Path, path: Path, golden: Callable) -> None:
    """Info file of a split without annotations, as v1.0-test gives it."""
    from sparse3d.transforms.info_files import read_info_file, write_info_file
    info = read_info_file(path.with_name('nuscenes_infos_val.pkl'), 'nuscenes')
    frames = [{**frame, 'instances': []} for frame in info['data_list']]
    write_info_file(path, info['metainfo'], frames)


def _initial_weights(config: str, options: str, folder: Path, path: Path, golden: Callable) -> None:
    """Weights of a config as it begins a training."""
    from mmengine.logging import MMLogger

    from sparse3d.apis import build_model, load_config
    MMLogger.get_current_instance().setLevel('WARNING')  # it lists every initialized weight
    from sparse3d.engine.config_options import parse_options
    model = build_model(load_config(ROOT / 'configs' / config, parse_options(options.split())))
    torch.save({'state_dict': model.state_dict(), 'meta': {}}, path)


def initial_weights(config: str, options: str = '') -> Callable:
    return partial(_initial_weights, config, options)


def _published(weights: Callable[[Path], Weights], wrapper: str, folder: Path, path: Path,
               golden: Callable) -> None:
    torch.save({wrapper: dict(weights(golden))}, path)


def released(weights: Callable[[Callable], Weights], wrapper: str = 'state_dict') -> Callable:
    return partial(_published, weights, wrapper)


def dsvt_nuscenes(golden: Callable[[], Path]) -> Weights:
    return _module('dsvt/conftest.py').Golden(golden()).published_state('nus')


def focalsconv_f_nuscenes(golden: Callable[[], Path]) -> Weights:
    tests = _module('focalsconv/test_published_detectors.py')
    return tests.det3d(tests.build('configs/focalsconv/focalsconv_f_centerpoint_nuscenes.py'))


def focalsconv_voxel_rcnn(golden: Callable[[], Path]) -> Weights:
    tests = _module('focalsconv/test_published_detectors.py')
    model = tests.build('configs/focalsconv/focalsconv_voxel_rcnn_kitti_3class.py')
    return tests.released(model, tests.VOXEL_RCNN)


def sparsebev_r50_400q(golden: Callable[[], Path]) -> Weights:
    from sparsebev_published import published_state
    return published_state(golden() / 'sparsebev' / 'state.json')


def sparsefusion_r50(golden: Callable[[], Path]) -> Weights:
    from sparsefusion_golden import Golden
    return Golden(golden()).published


def image_detector(golden: Callable[[], Path]) -> Weights:
    """Backbone and pyramid of a Mask R-CNN."""
    return {name.removeprefix('img_'): value for name, value in sparsefusion_r50(golden).items()
            if name.startswith('img_')}


def voxelkp(golden: Callable[[], Path]) -> Weights:
    return _module('voxelkp/conftest.py').published_state()


# Page -> file in the reader's folder -> what writes it.
READERS_FILES: dict[str, dict[str, Callable]] = {
    'README.md': {
        'sweep.bin': kitti_cloud,
        'converted_or_trained.pth': initial_weights(
            'focalsconv/focalsconv_centerpoint_kitti_car.py'),
        'PUBLISHED.pth': released(focalsconv_voxel_rcnn, 'model_state'),
    },
    'docs/index.md': {
        'sweep.bin': kitti_cloud,
        'converted_or_trained.pth': initial_weights(
            'focalsconv/focalsconv_centerpoint_kitti_car.py'),
    },
    'docs/tools.md': {
        'sweep.bin': kitti_cloud,
        'checkpoint.pth': initial_weights('focalsconv/focalsconv_centerpoint_kitti_car.py'),
    },
    'data/README.md': {
        'old/nuscenes_infos_train.pkl': old_nuscenes_infos,
        'old/kitti_infos_train.pkl': old_kitti_infos,
        'data/nuscenes/nuscenes_infos_test.pkl': nuscenes_test_infos,
    },
    'docs/coming_from.md': {'released.pth': released(sparsebev_r50_400q)},
    'projects/dsvt/README.md': {
        'PUBLISHED.pth': released(dsvt_nuscenes, 'model_state'),
        'CHECKPOINT': initial_weights('dsvt/dsvt_pillar_waymo_1frame_24e.py', DSVT_SMALL),
        'a.bin': waymo_cloud, 'b.bin': waymo_cloud,
    },
    'projects/focalsconv/README.md': {'PUBLISHED.pth': released(focalsconv_f_nuscenes)},
    'projects/sparsebev/README.md': {
        **dict.fromkeys(
            ('work_dirs/sparsebev_r50_nuscenes/epoch_24.pth',
             'data/pretrained/cascade_mask_rcnn_r50_fpn_coco-20e_20e_nuim_20201009_124951-'
             '40963960.pth'),  # its backbone has the same names
            initial_weights('sparsebev/sparsebev_r50_nuscenes.py',
                            'model.backbone.init_cfg=None')),
        'r50_nuimg_704x256_400q_36ep.pth': released(sparsebev_r50_400q),
    },
    'projects/sparsefusion/README.md': {
        'released.pth': released(sparsefusion_r50),
        'work_dirs/transfusion_l_nuscenes/epoch_20.pth': initial_weights(
            'sparsefusion/transfusion_l_nuscenes.py'),
        'mask_rcnn_r50_fpn_coco-2x_1x_nuim.pth': released(image_detector),
    },
    'projects/voxelkp/README.md': {
        'released.pth': released(voxelkp, 'model_state'),
        'work_dirs/voxelkp_waymo/epoch_20.pth': initial_weights('voxelkp/voxelkp_waymo.py'),
        'frame.bin': waymo_cloud,
    },
}

# Page -> words on it -> what the reader writes instead.
READERS_WORDS: dict[str, dict[str, str]] = {
    'README.md': {
        'CHECKPOINT': 'converted_or_trained.pth',
        'CONFIG': 'configs/focalsconv/centerpoint_simulated_kitti_car.py',
    },
    'data/README.md': {
        **{f'python tools/create_data.py {name} data/{name} --shard 1/8':
           f'for part in 1/2 2/2; do python tools/create_data.py {name} data/{name} '
           '--shard $part; done' for name in ('nuscenes', 'waymo')},
        'upgrade data/nuscenes/': 'upgrade old/',
        'upgrade data/kitti/': 'upgrade old/',
        'CONFIG CHECKPOINT --cfg-options':
            'configs/baselines/centerpoint_simulated_nuscenes.py '
            'work_dirs/centerpoint_simulated_nuscenes/epoch_6.pth '
            '--cfg-options data_root=data/nuscenes',
    },
    'projects/sparsebev/README.md': {
        'CHECKPOINT --out decoder.onnx': 'ours.pth --out decoder.onnx',
        'CONFIG CHECKPOINT': 'configs/sparsebev/sparsebev_simulated_nuscenes.py '
                             'work_dirs/sparsebev_simulated_nuscenes/epoch_12.pth',
    },
}

# Page -> what a snippet of it takes for granted.
READERS_VARIABLES: dict[str, str] = {
    'projects/dsvt/README.md': '''
import numpy as np
points = np.fromfile('a.bin', np.float32).reshape(-1, 5)
''',
    'projects/sparsebev/README.md': '''
import numpy as np, torch
images = torch.full((6, 3, 256, 704), 100.0)
forward = np.array([[350., -350, 0, 0], [128, 0, -350, 0], [1, 0, 0, 0], [0, 0, 0, 1]])
lidar2img, seconds, pose = np.tile(forward, (6, 1, 1)), np.zeros(6), np.eye(4)
''',
}
