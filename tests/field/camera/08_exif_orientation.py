"""A JPEG with an EXIF orientation (phones, many cameras): the loader turns the pixels, but not the matrices;
the drawing tools do not turn them. What the model sees and what visualize.py shows differ.
Seen at: open-mmlab/mmcv PR#1091, PR#805, cvg/Hierarchical-Localization PR#373, naver/dust3r#15.
Right: pixels as they are stored (cv2.IMREAD_IGNORE_ORIENTATION), which is what calibrations belong to."""
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
from PIL import Image
from sparse3d.apis.array_samples import read_image
from sparse3d.transforms.image_files import read_stored_image
pixels = np.zeros((90, 160, 3), np.uint8)
pixels[:, :80] = 255
wrong = []
for orientation in (3, 6):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = WORK / f'{orientation}.jpg'
    Image.fromarray(pixels).save(path, quality=95, exif=exif)
    loaded, drawn = read_image(path), read_stored_image(str(path))
    if loaded.shape != pixels.shape or abs(int(loaded[45, 20, 0]) - 255) > 9:
        wrong.append(f'orientation {orientation}: model sees {loaded.shape[:2]} (left is '
                     f'{"white" if loaded[loaded.shape[0] // 2, 9, 0] > 99 else "black"}), drawing '
                     f'{drawn.shape[:2]} (left is {"white" if drawn[45, 9, 0] > 99 else "black"})')
verdict(not wrong, '; '.join(wrong) or 'stored pixels are read')
