"""Own data with cameras: a calibration of NaN, of zeros, transposed, or with a key that nobody reads (distortion) is
taken without a word, and the check does not look at cameras at all (that of nuScenes projects boxes into pictures);
a word in place of a number, or a list, ends in a raw error.
Seen at: HorizonRobotics/Sparse4D#21 ("very poor results"), fundamentalvision/BEVFormer#39, SAmmarAbbas/birds-eye-view#4.
Right: refuse what is not finite or invertible and unknown keys; check projects boxes as it does for nuScenes."""
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

import numpy as np
from sparse3d.errors import Sparse3DError
from sparse3d.datasets.custom.prepare.frames import prepare_custom
from sparse3d.datasets.custom.check import check_custom
root = WORK / 'own'
for folder in ('points', 'boxes', 'images/FRONT'):
    (root / folder).mkdir(parents=True)
draw = np.random.default_rng(0)
for name in ('000', '001', '002'):
    cloud = draw.uniform([8, -1, 0, 0], [12, 1, 2, 1], (60, 4)).astype(np.float32)
    np.save(root / f'points/{name}.npy', cloud)
    (root / f'boxes/{name}.csv').write_text('class,x,y,z_bottom,dx,dy,dz,yaw\nCar,10,0,0,4,2,2,0\n')
    (root / f'images/FRONT/{name}.png').write_bytes(b'not looked at')
good = dict(cam2img=[[100, 0, 80], [0, 100, 45], [0, 0, 1]],
            lidar2cam=[[0, -1, 0, 0], [0, 0, -1, 1], [1, 0, 0, 0], [0, 0, 0, 1]])
nothing = float('nan')
silent, raw = [], []
for name, change in dict(
        not_finite=dict(cam2img=[[nothing] * 3] * 3), zeros=dict(cam2img=[[0] * 3] * 3),
        transposed=dict(lidar2cam=np.array(good['lidar2cam']).T.tolist()), looks_back=dict(
            lidar2cam=[[0, 1, 0, 0], [0, 0, -1, 1], [-1, 0, 0, 0], [0, 0, 0, 1]]),
        unknown_key=dict(distortion=[.3, 0, 0, 0, 0]), word=dict(cam2img='camera.yaml')).items():
    (root / 'calibration.json').write_text(json.dumps(dict(FRONT={**good, **change})))
    try:
        prepare_custom(root)
        if not check_custom(root).problems:
            silent.append(name)
    except Sparse3DError:
        pass
    except Exception as error:
        raw.append(f'{name}: {type(error).__name__}')
verdict(not silent and not raw, f'taken and checked without a word: {silent}; raw: {raw}')
