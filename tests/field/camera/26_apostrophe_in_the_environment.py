"""SPARSE3D_SIMULATED_NUSCENES=/home/o'brien/data, or a Windows path: the config "cannot be read: SyntaxError ...
/tmp/tmpx/tmpy.py" or "bad escape \\d at position 2"; the variable is not named.
Seen at: open-mmlab/mmengine PR#744 (comment of 2023-05-24).
Right: the path is used, or the sentence names the variable."""
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

from sparse3d.engine.load_config import load_config
from sparse3d.errors import Sparse3DError
wrong = []
for path in ("/home/o'brien/data", 'D:\\data\\nuscenes'):
    os.environ['SPARSE3D_SIMULATED_NUSCENES'] = path
    try:
        used = load_config(REPO / 'configs/sparsebev/sparsebev_simulated_nuscenes.py').data_root
        if used != path:
            wrong.append(f'{path} -> {used}')
    except Sparse3DError as error:
        if 'SPARSE3D_SIMULATED_NUSCENES' not in str(error):
            wrong.append(f'{path}: ...{str(error)[-110:]}')
verdict(not wrong, '; '.join(wrong) or 'used')
