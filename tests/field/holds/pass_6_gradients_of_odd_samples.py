"""Training steps of SparseBEV and SparseFusion on odd samples: an object that no picture holds whole, one above all
cameras, none at all, one of unknown velocity, a size of 1 cm, a camera without a picture: losses and gradients are finite.
Seen at: yichen928/SparseFusion#21, V2AI/Det3D#46, swc-17/SparseDrive#31, HuangJunJie2017/BEVDet#50."""
import json, os, pathlib, shutil, subprocess, sys, tempfile
REPO = pathlib.Path(os.environ.get('SPARSE3D_REPO', '.'))
sys.path.insert(0, str(REPO / 'projects'))
os.environ.update(PYTHONPATH=str(REPO / 'projects'), OMP_NUM_THREADS='1', PYTHONDONTWRITEBYTECODE='1')
sys.dont_write_bytecode = True
WORK = pathlib.Path(tempfile.mkdtemp(prefix='tiny_'))


def tool(name, *arguments, timeout=55, **environment):
    """Run a command line of the product as its user would; gives code, stdout+stderr."""
    done = subprocess.run([sys.executable, str(REPO / 'tools' / f'{name}.py'), *map(str, arguments)],
                          capture_output=True, text=True, timeout=timeout, cwd=WORK,
                          env={**os.environ, **{k: str(v) for k, v in environment.items()}})
    return done.returncode, done.stdout + done.stderr


def drive(folder='drive', scenes=2, seconds=1.0, **options):
    """A tiny simulated drive in nuScenes' layout (v1.0-mini)."""
    root = WORK / folder
    from sparse3d.datasets.nuscenes.simulate import NuScenesOptions, simulate_nuscenes
    simulate_nuscenes(root, scenes, 0, 1, NuScenesOptions(
        **{**dict(seconds=seconds, image_width=160, azimuths=120, lidar_rate=2), **options}))
    return root


def verdict(good, text):
    print(('PASS ' if good else 'FAIL ') + text)
    shutil.rmtree(WORK, ignore_errors=True)
    sys.exit(0 if good else 1)

def mini(root, version='v1.0-mini', scenes=('scene-0061', 'scene-0103'), samples=3, sweeps=1,
         cameras=('CAM_FRONT', 'CAM_FRONT_RIGHT', 'CAM_FRONT_LEFT', 'CAM_BACK', 'CAM_BACK_LEFT',
                  'CAM_BACK_RIGHT'), size=(160, 90), points_on_objects=True, annotated=True):
    """A nuScenes of our own: tables, flat pictures, clouds of a few points; a car ahead, driving on."""
    import cv2
    import numpy as np
    from pyquaternion import Quaternion
    root = pathlib.Path(root)
    tables = {name: [] for name in (
        'category attribute visibility instance sensor calibrated_sensor ego_pose log scene sample '
        'sample_data sample_annotation map').split()}
    add = lambda table, token, **row: (tables[table].append(dict(token=token, **row)), token)[1]
    add('category', 'car', name='vehicle.car', description='')
    add('attribute', 'moving', name='vehicle.moving', description='')
    add('visibility', '4', level='v80-100', description='')
    add('log', 'log', logfile='', vehicle='', date_captured='', location='singapore-onenorth')
    add('map', 'map', log_tokens=['log'], category='', filename='maps/blank.png')
    turned = Quaternion(matrix=np.array([[0., 1, 0], [-1, 0, 0], [0, 0, 1]]))  # LiDAR: y ahead
    add('sensor', 'LIDAR_TOP', channel='LIDAR_TOP', modality='lidar')
    add('calibrated_sensor', 'LIDAR_TOP', sensor_token='LIDAR_TOP', translation=[1., 0, 1.8],
        rotation=turned.elements.tolist(), camera_intrinsic=[])
    for number, camera in enumerate(cameras):
        angle = -2 * np.pi * number / len(cameras)
        ahead = np.array([[0., 0, 1], [-1, 0, 0], [0, -1, 0]])  # camera to car
        spin = Quaternion(axis=[0, 0, 1], angle=angle) * Quaternion(matrix=ahead)
        add('sensor', camera, channel=camera, modality='camera')
        add('calibrated_sensor', camera, sensor_token=camera, translation=[1.5, 0, 1.5],
            rotation=spin.elements.tolist(),
            camera_intrinsic=[[size[0] * .6, 0, size[0] / 2], [0, size[0] * .6, size[1] / 2], [0, 0, 1]])
    draw = np.random.default_rng(0)
    for place, name in enumerate(scenes):
        names = [f'{name}-{k}' for k in range(samples)]
        add('scene', name, name=name, log_token='log', nbr_samples=samples, description='',
            first_sample_token=names[0], last_sample_token=names[-1])
        add('instance', f'car {name}', category_token='car', nbr_annotations=samples,
            first_annotation_token=f'box {names[0]}', last_annotation_token=f'box {names[-1]}')
        start = 1_500_000_000_000_000 + place * 100_000_000
        for k, token in enumerate(names):
            add('sample', token, timestamp=start + k * 500_000, scene_token=name,
                prev=names[k - 1] if k else '', next=names[k + 1] if k + 1 < samples else '')
            if annotated:
                add('sample_annotation', f'box {token}', sample_token=token,
                    instance_token=f'car {name}', visibility_token='4', attribute_tokens=['moving'],
                    translation=[12. + 2.5 * k, 1, .8], size=[1.8, 4.5, 1.6], rotation=[1., 0, 0, 0],
                    prev=f'box {names[k - 1]}' if k else '',
                    next=f'box {names[k + 1]}' if k + 1 < samples else '',
                    num_lidar_pts=20 if points_on_objects else 0, num_radar_pts=0)
        for sensor in ('LIDAR_TOP', *cameras):
            is_lidar, before = sensor == 'LIDAR_TOP', ''
            for step in range((samples - 1) * (sweeps + 1) + 1):
                k, key = divmod(step, sweeps + 1)[0], step % (sweeps + 1) == 0
                time = start + step * 500_000 // (sweeps + 1)
                data = f'{sensor} {name} {step}'
                add('ego_pose', data, timestamp=time, translation=[.5 * step, 0, 0], rotation=[1., 0, 0, 0])
                file = (f'{"samples" if key else "sweeps"}/{sensor}/{name}__{sensor}__{time}'
                        f'{".pcd.bin" if is_lidar else ".jpg"}')
                add('sample_data', data, sample_token=names[min(k + (not key), samples - 1)],
                    ego_pose_token=data, calibrated_sensor_token=sensor, timestamp=time,
                    fileformat='pcd' if is_lidar else 'jpg', is_key_frame=key, filename=file,
                    height=0 if is_lidar else size[1], width=0 if is_lidar else size[0],
                    prev=before, next='')
                if before:
                    tables['sample_data'][-2]['next'] = data
                before = data
                path = root / file
                path.parent.mkdir(parents=True, exist_ok=True)
                if is_lidar:
                    cloud = draw.uniform([-20, -20, -2, 0, 0], [20, 20, 2, 9, 31], (200, 5))
                    cloud[:20, :3] = draw.uniform([-1.7, 9, -1.7], [-.3, 12, -.4], (20, 3)) + [
                        0, 2 * k, 0]
                    cloud.astype('<f4').tofile(path)
                else:
                    picture = np.full((size[1], size[0], 3), 60 + 20 * (step % 5), np.uint8)
                    cv2.rectangle(picture, (size[0] // 2, size[1] // 2), (size[0] - 9, size[1] - 9),
                                  (200, 120, 40), -1)
                    cv2.imwrite(str(path), picture)
    (root / 'maps').mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(root / 'maps/blank.png'), np.zeros((4, 4), np.uint8))
    (root / version).mkdir(parents=True, exist_ok=True)
    for name, rows in tables.items():
        (root / version / f'{name}.json').write_text(json.dumps(rows))
    return root

import copy, logging
import numpy as np, torch
logging.disable(logging.INFO)
root = mini(WORK / 'd')
from mmdet3d.structures import LiDARInstance3DBoxes
from mmengine.dataset import pseudo_collate
from sparse3d.engine.build_model import build_model
from sparse3d.engine.load_config import load_config
from sparse3d.apis.sample_frames import build_dataset
from sparse3d.datasets.nuscenes.prepare import NuScenesPreparation, prepare_nuscenes
sorted((root / 'samples/CAM_FRONT').iterdir())[1].unlink()
prepare_nuscenes(root, options=NuScenesPreparation(skip_damaged=True))
os.environ['SPARSE3D_SIMULATED_NUSCENES'] = str(root)
odd = dict(cut=[[2.2, 2.2, -1.8, 4.5, 1.9, 1.6, .5, 0, 0]], above=[[0, 8, 20, 4, 2, 1.5, 0, 0, 0]], nothing=[],
           around=[[0, 0, -2, 9, 9, 4, 0, 0, 0]], velocity=[[0, 10, -1, 4, 2, 1.5, 0, np.nan, np.nan]],
           small=[[0, 10, -1, .01, .01, .01, 0, 0, 0]])
bad, steps = [], 0
for name in ('sparsebev/sparsebev', 'sparsefusion/sparsefusion'):
    config = load_config(REPO / f'configs/{name}_simulated_nuscenes.py')
    dataset, model = build_dataset(config, 'train'), build_model(config).train()
    sample = dataset[1]
    for kind, boxes in odd.items():
        boxes = torch.tensor(np.array(boxes, float).reshape(-1, 9), dtype=torch.float32)
        known = torch.isfinite(boxes[:, 7:]).all(1)
        boxes[:, 7:] = torch.nan_to_num(boxes[:, 7:])
        item = copy.deepcopy(sample)
        truth = type(item['data_samples'].gt_instances_3d)()
        truth.bboxes_3d, truth.velocity_known = LiDARInstance3DBoxes(boxes, box_dim=9), known
        truth.labels_3d = torch.zeros(len(boxes), dtype=torch.long)
        item['data_samples'].gt_instances_3d = truth
        losses = model(**model.data_preprocessor(pseudo_collate([item]), True), mode='loss')
        total = sum(value.sum() for key, value in losses.items() if 'loss' in key)
        model.zero_grad()
        total.backward()
        steps += 1
        if not (torch.isfinite(total) and all(torch.isfinite(p.grad).all() for p in model.parameters()
                                              if p.grad is not None)):
            bad.append(f'{name} {kind}')
verdict(not bad and steps == 12, f'{steps} steps, not finite: {bad}')
