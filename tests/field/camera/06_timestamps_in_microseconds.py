"""Times as nuScenes' tables have them (microseconds) given to the detector and to a stream: taken for
seconds without a word; the velocities come out a million times too small.
Seen at: open-mmlab/mmdetection3d#280 (scores all 1 until the times were divided by 1e6).
Right: refuse ages between two frames that cannot be (or name the unit of what was given)."""
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
torch.manual_seed(0)
detector = load_detector('sparsebev_simulated_nuscenes',
                         cfg_options={'model.bbox_head.detections.score_threshold': 0.0})
images = list(np.random.default_rng(0).integers(0, 255, (12, 96, 256, 3)).astype(np.uint8))
one = np.array([[150, 0, 128, 0], [0, 150, 48, 0], [0, 0, 1, 0], [0, 0, 0, 1.]]) @ np.array(
    [[1., 0, 0, 0], [0, 0, -1, 0], [0, 1, 0, 0], [0, 0, 0, 1]])
def speed(times):
    found = detector(images=images, calibration=dict(lidar2img=np.tile(one, (12, 1, 1)), timestamps=times))
    return float(np.abs(found.boxes_3d[:, 7:9]).mean())
now = 1_533_151_603_547_590
seconds = speed(np.repeat([now / 1e6, now / 1e6 - .5], 6))
try:
    micro = speed(np.repeat([now, now - 500_000], 6))
    verdict(abs(micro / seconds - 1) < .1, f'mean speed {seconds:.4f} m/s with seconds, {micro:.2e} m/s with '
            f'microseconds, and no word')
except Sparse3DError as error:
    verdict(True, f'refused: {error}')
