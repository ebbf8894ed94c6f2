"""A running video: one frame comes with a pose of NaN (no fix yet). It is refused, but stays in the window:
the good frames after it fail as well, until it has left the window.
Seen at: HorizonRobotics/Sparse4D#43, #120 (what is in the bank after a bad frame), MCG-NJU/SparseBEV#41.
Right: a refused frame leaves no trace; the next good one is answered."""
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
images = torch.zeros(6, 3, 96, 256)
def frame(time, pose=None):
    return sparsebev.CameraFrame(images=images, lidar2img=np.tile(np.eye(4), (6, 1, 1)),
                                 timestamps=np.full(6, time), lidar2global=np.eye(4) if pose is None else pose)
stream, said = detector.stream(interval=2), []
stream(frame(0.0))
for time, pose in ((.5, np.full((4, 4), np.nan)), (1., None), (1.5, None), (2., None), (2.5, None)):
    try:
        stream(frame(time, pose))
        said.append(f'{time}: answered')
    except Exception as error:
        said.append(f'{time}: {type(error).__name__}')
verdict(all('answered' in item for item in said[1:]), ', '.join(said))
