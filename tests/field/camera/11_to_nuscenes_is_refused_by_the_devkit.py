"""found.to_nuscenes() promises "entries of a nuScenes result file"; the devkit cannot read them (no
attribute_name), and more than 500 are given.
Seen at: nutonomy/nuscenes-devkit#697, Megvii-BaseDetection/BEVDepth#26 (500 boxes), #128, #825 (key error).
Right: the entries that tools/test.py writes: guessed attribute, at most 500."""
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
from nuscenes.eval.detection.data_classes import DetectionBox
from sparse3d.apis import Detections
box = [10, 1, -1, 4.5, 1.8, 1.6, .2, 1., 0]
found = Detections(np.tile(box, (700, 1)), np.linspace(1, 0, 700), np.zeros(700, int), ('car',))
entries = found.to('nuscenes', sample_token='token', lidar2global=np.eye(4))
try:
    DetectionBox.deserialize(entries[0])
    read = True
except Exception as error:
    read = f'{type(error).__name__}: {error}'
verdict(read is True and len(entries) <= 500, f'devkit reads an entry: {read}; {len(entries)} entries')
