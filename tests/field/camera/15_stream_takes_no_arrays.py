"""A frame of a running video with NumPy images, as the README's example reads (all its other fields are
NumPy): AttributeError from inside; other mistakes (HWC, one picture too few, a 3x3 pose, present of another
length, every=-1) end in raw errors of torch and NumPy as well.
Seen at: mit-han-lab/bevfusion#258, open-mmlab/mmdetection3d#2632 (arrays in), Sparse4D#21.
Right: arrays are taken; everything else is one DataError sentence, as in detector(images=...)."""
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

import logging, numpy as np, torch
logging.disable(logging.INFO)
from sparse3d.apis import load_detector
from sparse3d.errors import Sparse3DError
import sparsebev
detector = load_detector('sparsebev_simulated_nuscenes')
good = dict(images=torch.zeros(6, 3, 96, 256), lidar2img=np.tile(np.eye(4), (6, 1, 1)),
            timestamps=np.zeros(6), lidar2global=np.eye(4))
raw = []
for name, change in dict(
        numpy=dict(images=np.zeros((6, 3, 96, 256), np.uint8)),
        channels_last=dict(images=torch.zeros(6, 96, 256, 3)),
        five_pictures=dict(images=torch.zeros(5, 3, 96, 256)),
        present_of_five=dict(valid=np.ones(5, bool)), flat_pose=dict(lidar2global=np.eye(3))).items():
    stream = detector.stream()
    try:
        stream(sparsebev.CameraFrame(**{**good, **change}))
    except Sparse3DError:
        continue
    except Exception as error:
        raw.append(f'{name}: {type(error).__name__}')
verdict(not raw, ', '.join(raw) or 'taken or refused in a sentence')
