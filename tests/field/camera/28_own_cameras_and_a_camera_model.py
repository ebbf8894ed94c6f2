"""A camera model on own data: CustomDetectionDataset has pictures and matrices, LoadMultiViewImages ends in a raw
KeyError 'image_frames'. With 01 there is no way to train SparseBEV on cameras that are not nuScenes' six.
Seen at: HorizonRobotics/Sparse4D#21, exiawsh/StreamPETR#178, fundamentalvision/BEVFormer#39, HuangJunJie2017/BEVDet#179.
Right: one frame of pictures is offered as image_frames; or one sentence that says which data sets serve camera models."""
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

import cv2, numpy as np
import sparse3d.register
from mmengine.registry import init_default_scope
from sparse3d.datasets.custom.dataset import CustomDetectionDataset
from sparse3d.errors import Sparse3DError
from sparse3d.datasets.custom.prepare.frames import prepare_custom
init_default_scope('mmdet3d')
root = WORK / 'own'
for folder in ('points', 'boxes', 'images/FRONT'):
    (root / folder).mkdir(parents=True)
for name in ('000', '001'):
    np.save(root / f'points/{name}.npy', np.random.rand(50, 4).astype(np.float32) * 10)
    (root / f'boxes/{name}.csv').write_text('class,x,y,z_bottom,dx,dy,dz,yaw\nCar,5,5,0,4,2,2,0\n')
    cv2.imwrite(str(root / f'images/FRONT/{name}.png'), np.full((90, 160, 3), 90, np.uint8))
(root / 'calibration.json').write_text(json.dumps(dict(FRONT=dict(
    cam2img=[[100, 0, 80], [0, 100, 45], [0, 0, 1]],
    lidar2cam=[[0, -1, 0, 0], [0, 0, -1, 0], [1, 0, 0, 0], [0, 0, 0, 1]]))))
prepare_custom(root)
try:
    sample = CustomDetectionDataset(
        str(root), 'own_infos_train.pkl', metainfo=dict(classes=['Car']),
        modality=dict(use_lidar=False, use_camera=True),
        pipeline=[dict(type='LoadMultiViewImages', cameras=['FRONT'])])[0]
    verdict(bool(sample['image_valid'].all()), 'read')
except Sparse3DError as error:
    verdict(True, f'refused: {error}')
except Exception as error:
    verdict(False, f'{type(error).__name__}: {error}')
