"""What the reader of a page brings along: drives, weights to be had elsewhere, own clouds.

Published checkpoints cannot be part of the tests. In their place stand files of the released
layout: the released names and shapes, and values that follow from them.
"""
from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from short_commands import DSVT_SMALL
from torch import Tensor

ROOT = Path(__file__).resolve().parents[2]
Golden = Callable[[], Path]                      # gives the folder of stored outputs
Weights = Mapping[str, Tensor]
Writer = Callable[[Path, Path, Golden], object]  # of a file, in the folder of a reader
NEAR = 16.0  # meters; a whole cloud takes large models long


def write_readers_files(page: str, folder: Path, golden: Golden) -> None:
    """Write what the reader of ``page`` has, into the folder in which the page is followed."""
    for name, write in READERS_FILES.get(page, {}).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        write(folder, folder / name, golden)


def text_as_read(page: str, text: str) -> str:
    """A command or snippet with what the reader puts in place of the page's own words."""
    for placeholder, real in READERS_WORDS.get(page, {}).items():
        text = text.replace(placeholder, real)
    return text


def cloud(pattern: str, width: int, columns: int) -> Writer:
    """The near points of a simulated cloud, with its first columns."""
    def write(folder: Path, path: Path, golden: Golden) -> None:
        import numpy as np
        source = sorted((folder / 'data').glob(pattern))[0]
        points = np.fromfile(source, np.float32).reshape(-1, width)[:, :columns]
        points[np.abs(points[:, :2]).max(1) < NEAR].tofile(path)
    return write


def floor_and_box(folder: Path, path: Path, golden: Golden) -> None:
    """A sweep of a floor with a box on it, as raw rows of four numbers or as an array."""
    import numpy as np
    rng = np.random.default_rng(0)
    floor = np.column_stack([rng.uniform(-14, 14, (6000, 2)), rng.normal(-1.7, .01, 6000)])
    points = np.concatenate([floor, rng.uniform((6, 3, -1.7), (10, 5, -.2), (500, 3))])
    points = np.column_stack([points, rng.uniform(0, 1, len(points))]).astype(np.float32)
    if path.suffix == '.npy':
        np.save(path, points)
    else:
        points.tofile(path)


def old_infos(name: str) -> Writer:
    """What mmdet3d 0.x would have made of a drive."""
    def write(folder: Path, path: Path, golden: Golden) -> None:
        from old_info_files import as_old_kitti, as_old_nuscenes
        from sparse3d.transforms.info_files import read_info_file, write_plain_file
        data = folder / 'data' / name
        write_plain_file(path, as_old_kitti(data) if name == 'kitti' else as_old_nuscenes(
            read_info_file(data / path.name, name), True))
    return write


def nuscenes_test_infos(folder: Path, path: Path, golden: Golden) -> None:
    """Info file of a split without annotations, as v1.0-test gives it."""
    from sparse3d.transforms.info_files import read_info_file, write_info_file
    info = read_info_file(path.with_name('nuscenes_infos_val.pkl'), 'nuscenes')
    frames = [{**frame, 'instances': []} for frame in info['data_list']]
    write_info_file(path, info['metainfo'], frames)


def labels_as_results(folder: Path, path: Path, golden: Golden) -> None:
    """A folder of KITTI results that finds all that is labeled."""
    path.mkdir()
    for labels in (folder / 'data/kitti/training/label_2').glob('*.txt'):
        lines = [f'{line} 0.9' for line in labels.read_text().splitlines()
                 if 'DontCare' not in line]
        (path / labels.name).write_text('\n'.join(lines))


def initial_weights(config: str, options: str = '', named: bool = False) -> Writer:
    """Weights of a config as it begins a training; with its name, if the file stands alone."""
    def write(folder: Path, path: Path, golden: Golden) -> None:
        from mmengine.logging import MMLogger

        from sparse3d.apis import build_model, load_config
        from sparse3d.engine.config_options import parse_options
        MMLogger.get_current_instance().setLevel('WARNING')  # it lists every initialized weight
        model = build_model(load_config(ROOT / 'configs' / config, parse_options(options.split())))
        meta = {'config': Path(config).stem} if named else {}
        torch.save({'state_dict': model.state_dict(), 'meta': meta}, path)
    return write


def released(weights: Callable[[Golden], Weights], wrapper: str = 'state_dict') -> Writer:
    """Weights under the released names."""
    return lambda folder, path, golden: torch.save({wrapper: dict(weights(golden))}, path)


def listed(names: str) -> Callable[[Golden], Weights]:
    """Weights of the names and shapes in a file of the stored outputs, or of the fixtures."""
    def weights(golden: Golden) -> Weights:
        from sparsebev_published import published_state
        fixture = ROOT / 'tests/fixtures' / names
        return published_state(fixture if fixture.is_file() else golden() / names)
    return weights


def focalsconv_f_nuscenes(golden: Golden) -> Weights:
    from focalsconv_published import build, det3d
    return det3d(build('configs/focalsconv/focalsconv_f_centerpoint_nuscenes.py'))


def focalsconv_voxel_rcnn(golden: Golden) -> Weights:
    import focalsconv_published as published
    model = published.build('configs/focalsconv/focalsconv_voxel_rcnn_kitti_3class.py')
    return published.released(model, published.VOXEL_RCNN)


def sparsefusion_r50(golden: Golden) -> Weights:
    import sparsefusion_golden
    return sparsefusion_golden.Golden(golden()).published


def openpcdet_pv_rcnn(golden: Golden) -> Weights:
    from baseline_layouts import tensors
    return tensors('openpcdet_pv_rcnn_kitti')


def spsconv_centerpoint(golden: Golden) -> Weights:
    from baseline_layouts import pruned_tensors
    return pruned_tensors()


def image_detector(golden: Golden) -> Weights:
    """Backbone and pyramid of a Mask R-CNN."""
    return {name.removeprefix('img_'): value for name, value in sparsefusion_r50(golden).items()
            if name.startswith('img_')}


kitti_cloud = cloud('kitti/training/velodyne/*.bin', 4, 4)
waymo_cloud = cloud('waymo/kitti_format/training/velodyne/*.bin', 6, 5)
kitti_car = initial_weights('focalsconv/focalsconv_centerpoint_kitti_car.py')

# Page -> file in the reader's folder -> what writes it.
READERS_FILES: dict[str, dict[str, Writer]] = {
    'README.md': {
        'sweep.bin': kitti_cloud,
        'converted_or_trained.pth': kitti_car,
        'PUBLISHED.pth': released(focalsconv_voxel_rcnn, 'model_state'),
    },
    'docs/export.md': {
        'trained.pth': initial_weights('baselines/pointpillars_simulated_kitti_car.py'),
    },
    'docs/index.md': {
        'sweep.bin': kitti_cloud,
    },
    'docs/anywhere.md': {'sweep.bin': floor_and_box, 'sweep.npy': floor_and_box},
    'docs/tools.md': {
        'sweep.bin': kitti_cloud,
        'checkpoint.pth': kitti_car,
    },
    'docs/looking.md': {
        'CHECKPOINT': kitti_car, 'ONE': kitti_car, 'OTHER': kitti_car,
        'RESULTS': labels_as_results,
    },
    'docs/recordings.md': {'work_dirs/nuscenes/epoch_1.pth': initial_weights(
        'baselines/centerpoint_simulated_nuscenes.py', named=True)},
    'data/README.md': {
        'old/nuscenes_infos_train.pkl': old_infos('nuscenes'),
        'old/kitti_infos_train.pkl': old_infos('kitti'),
        'data/nuscenes/nuscenes_infos_test.pkl': nuscenes_test_infos,
    },
    'docs/coming_from.md': {'PUBLISHED.pth': released(openpcdet_pv_rcnn, 'model_state'),
                            'released.pth': released(listed('sparsebev/state.json'))},
    'projects/dsvt/README.md': {
        'PUBLISHED.pth': released(listed('dsvt/state_nus.json'), 'model_state'),
        'CHECKPOINT': initial_weights('dsvt/dsvt_pillar_waymo_1frame_24e.py', DSVT_SMALL),
        'a.bin': waymo_cloud, 'b.bin': waymo_cloud,
    },
    'projects/focalsconv/README.md': {
        'PUBLISHED.pth': released(focalsconv_f_nuscenes),
        'SPSCONV.pth': released(spsconv_centerpoint, 'model_state')},
    'projects/sparsebev/README.md': {
        **dict.fromkeys(
            ('work_dirs/sparsebev_r50_nuscenes/epoch_24.pth',
             'data/pretrained/cascade_mask_rcnn_r50_fpn_coco-20e_20e_nuim_20201009_124951-'
             '40963960.pth'),  # its backbone has the same names
            initial_weights('sparsebev/sparsebev_r50_nuscenes.py',
                            'model.backbone.init_cfg=None')),
        'r50_nuimg_704x256_400q_36ep.pth': released(listed('sparsebev/state.json')),
    },
    'projects/sparse_dense_fusion/README.md': {
        'work_dirs/transfusion_l_nuscenes/epoch_20.pth': initial_weights(
            'sparsefusion/transfusion_l_nuscenes.py'),
        'mask_rcnn_r50_fpn_coco-2x_1x_nuim.pth': released(image_detector),
    },
    'projects/sparsefusion/README.md': {
        'released.pth': released(sparsefusion_r50),
        'work_dirs/transfusion_l_nuscenes/epoch_20.pth': initial_weights(
            'sparsefusion/transfusion_l_nuscenes.py'),
        'mask_rcnn_r50_fpn_coco-2x_1x_nuim.pth': released(image_detector),
    },
    'projects/safdnet/README.md': {
        'PUBLISHED.pth': released(listed('safdnet/state_nus.json'), 'model_state'),
    },
    'projects/voxelkp/README.md': {
        'released.pth': released(listed('voxelkp/state.json'), 'model_state'),
        'work_dirs/voxelkp_waymo/epoch_20.pth': initial_weights('voxelkp/voxelkp_waymo.py'),
        'frame.bin': waymo_cloud,
    },
}

# Page -> words on it -> what the reader writes instead.
READERS_WORDS: dict[str, dict[str, str]] = {
    'README.md': {
        'CHECKPOINT': 'converted_or_trained.pth',
        'CONFIG': 'configs/baselines/centerpoint_simulated_kitti_car.py',
    },
    'docs/looking.md': {
        'CONFIG': 'configs/focalsconv/focalsconv_centerpoint_kitti_car.py',
        '--indices 0 1 2 3': '--indices 0',         # the drive has one frame to test on
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
    'docs/tracking.md': '''
import numpy as np
from sparse3d.structures.detections import Detections
car = np.array([[8.0, 0.0, 0.0, 4.2, 1.8, 1.6, 0.0, 2.0, 0.0]])
stream = [(Detections(car + [seconds * 2, *[0] * 8], np.array([0.9]), np.array([0]), ('car',)),
           seconds, np.eye(4)) for seconds in (0.0, 0.5, 1.0)]
''',
}
