"""A PNG of 12 bits in 16 (industrial cameras): read as almost black without a word; the drawing tool shows
a white picture (grey ones).
Seen at: xinntao/facexlib#31, stb-tester/stb-tester PR#548, microsoft/CNTK#961.
Right: refuse 16-bit pictures naming the file (or scale them by an option)."""
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
from sparse3d.apis.array_samples import read_image
from sparse3d.transforms.image_files import read_stored_image
from sparse3d.errors import Sparse3DError
picture = np.tile(np.linspace(0, 4095, 160).astype(np.uint16), (90, 1))
path = WORK / 'twelve_bits.png'
cv2.imwrite(str(path), picture)
try:
    loaded = read_image(path)
    drawn = read_stored_image(str(path))
    verdict(loaded.max() > 200, f'12 bits from 0 to 4095 become 0 to {loaded.max()} for the model, '
            f'{np.median(drawn):.0f} in the median of the drawing')
except Sparse3DError as error:
    verdict(True, f'refused: {error}')
