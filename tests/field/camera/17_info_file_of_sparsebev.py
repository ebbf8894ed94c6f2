"""The info file that SparseBEV's own gen_sweep_info makes (and publishes): refused as "damaged (KeyError:
'sensor2ego_rotation')". StreamPETR's and BEVDet's files say which samples follow each other; the upgrade drops that
and the data set then says that the file does not say so.
Seen at: MCG-NJU/SparseBEV#78, #53, linxuewu/Sparse4D#18.
Right: convert it (sensor2lidar and scene_token are there), or name whose file it is and what to do."""
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

import pickle
import numpy as np
from pyquaternion import Quaternion
root = mini(WORK / 'd', samples=6)
from sparse3d.errors import Sparse3DError
from sparse3d.datasets.nuscenes.prepare import prepare_nuscenes
from sparse3d.preparation.info_upgrade import upgrade_info_file
from sparse3d.apis.upgrade import upgrades
from sparse3d.transforms.info_files import read_info_file
prepare_nuscenes(root)
def quaternion(matrix):
    return Quaternion(matrix=np.array(matrix)[:3, :3]).elements.tolist()
def old(entry, sparsebev):
    lidar2ego, ego2global = (np.array(m) for m in (entry['lidar_points']['lidar2ego'], entry['ego2global']))
    cams = {}
    for camera, image in entry['images'].items():
        back = np.linalg.inv(np.array(image['lidar2cam']))
        cams[camera] = dict(
            data_path=f'data/nuscenes/samples/{camera}/{image["img_path"]}', type=camera,
            cam_intrinsic=np.array(image['cam2img']), timestamp=int(image['timestamp'] * 1e6),
            sensor2lidar_rotation=back[:3, :3], sensor2lidar_translation=back[:3, 3])
        pose = np.array(image['ego2global']) @ np.array(image['cam2ego'])
        cams[camera].update(dict(
            sensor2global_rotation=pose[:3, :3].T, sensor2global_translation=pose[:3, 3]) if sparsebev else dict(
            sample_data_token=image['sample_data_token'], sensor2ego_rotation=quaternion(image['cam2ego']),
            sensor2ego_translation=np.array(image['cam2ego'])[:3, 3].tolist(),
            ego2global_rotation=quaternion(image['ego2global']),
            ego2global_translation=np.array(image['ego2global'])[:3, 3].tolist()))
    items = entry['instances']
    return dict(
        lidar_path='data/nuscenes/samples/LIDAR_TOP/' + entry['lidar_points']['lidar_path'], cams=cams,
        token=entry['token'], sweeps=[cams] * 5 if sparsebev and entry['prev'] else [],
        lidar2ego_rotation=quaternion(lidar2ego), lidar2ego_translation=lidar2ego[:3, 3].tolist(),
        ego2global_rotation=quaternion(ego2global), ego2global_translation=ego2global[:3, 3].tolist(),
        timestamp=int(entry['timestamp'] * 1e6), gt_boxes=np.array([item['bbox_3d'] for item in items]),
        gt_names=np.array(['car'] * len(items)), num_radar_pts=np.zeros(len(items), int),
        gt_velocity=np.array([item['velocity'] for item in items]), num_lidar_pts=np.full(len(items), 9),
        valid_flag=np.ones(len(items), bool), scene_token=entry['scene_token'],
        frame_idx=entry['frame_idx'], prev=entry['prev'], next=entry['next'])
entries = read_info_file(root / 'nuscenes_infos_train.pkl', 'nuscenes')['data_list']
said = []
for name, sparsebev in (('SparseBEV', True), ('StreamPETR', False)):
    path = root / f'nuscenes_infos_{name}.pkl'
    path.write_bytes(pickle.dumps(dict(infos=[old(entry, sparsebev) for entry in entries],
                                       metadata=dict(version='v1.0-mini'))))
    try:
        upgrade_info_file(path, upgrades())
        new = read_info_file(path, 'nuscenes')['data_list'][1]
        said.append(f'{name}: upgraded, scene_token {"kept" if "scene_token" in new else "dropped"}')
    except Sparse3DError as error:
        said.append(f'{name}: {error}'.replace(str(root), 'ROOT'))
verdict(not any('damaged' in item or 'dropped' in item for item in said), '; '.join(said))
