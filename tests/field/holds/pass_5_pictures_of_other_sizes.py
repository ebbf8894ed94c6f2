"""Cameras whose pictures have other sizes and shapes (portrait in front, wide at the sides), resized, cut, mirrored and
turned: a dot painted where a point projects has to lie where the new matrix projects it.
Seen at: open-mmlab/mmdetection3d PR#3001, megvii-research/PETR#104, swc-17/SparseDrive#25, mit-han-lab/bevfusion#524."""
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
from sparse3d.transforms.augment_images import AugmentImages
sizes = [(2048, 1550), (1550, 2048), (900, 1600), (886, 1920), (480, 640), (360, 640)]
draw, worst, seen = np.random.default_rng(0), 0.0, 0
for trial in range(40):
    options = dict(size=(256, 704), training=False) if trial == 0 else dict(
        size=(256, 704), training=True, resize=(.35, .6), flip=.5, angle=(-.3, .3), separately=bool(trial % 2))
    np.random.seed(trial)
    images, matrices, points = [], [], []
    for height, width in sizes:
        camera = np.array([[width * .7, 0, width / 2, 0], [0, width * .7, height / 2, 0], [0, 0, 1, 0], [0, 0, 0, 1.]])
        point = np.array([draw.uniform(-2, 2), draw.uniform(-1, 1), 10, 1])
        pixel = (camera @ point)[:2] / 10
        image = np.zeros((height, width, 3), np.uint8)
        u, v = int(pixel[0]), int(pixel[1])
        image[max(v - 12, 0):v + 13, max(u - 12, 0):u + 13] = 255
        images.append(image), matrices.append(camera), points.append(point)
    sample = AugmentImages(**options).transform(dict(img=images, lidar2img=np.array(matrices), cam2img=np.array(matrices)))
    for image, matrix, point in zip(sample['img'], sample['lidar2img'], points):
        assert image.shape == (256, 704, 3)
        pixel = (matrix @ point)[:2] / (matrix @ point)[2]
        bright = np.argwhere(image[..., 0] > 100)
        if len(bright) and 28 < pixel[0] < 676 and 28 < pixel[1] < 228:
            seen += 1
            worst = max(worst, float(np.abs(bright.mean(0)[::-1] + .5 - pixel).max()))
verdict(worst < 1.5 and seen > 50, f'{seen} dots, the worst {worst:.2f} pixels off')
