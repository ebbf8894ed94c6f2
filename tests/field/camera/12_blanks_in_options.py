"""--cfg-options with a path that has a blank, quoted in the shell as it should be: the blanks are taken out
without a word (data_root=/my data -> /mydata, a submission lands in another folder); a comma makes a list of it and
data_root stays where it was.
Seen at: nerfstudio-project/nerfstudio#1346, open-mmlab/mmengine#940.
Right: the value as it was given."""
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

from sparse3d.engine.config_options import parse_options
from sparse3d.engine.load_config import load_config
from sparse3d.errors import Sparse3DError
wrong = []
for path in ('/disk/my data/nuscenes', '/disk/a, b/nuscenes', '/disk/a,b/nuscenes'):
    for text in (f'data_root={path}', f'data_root="{path}"'):
        try:
            config = load_config(REPO / 'configs/sparsebev/sparsebev_simulated_nuscenes.py',
                                 parse_options([text]))
            used = config.train_dataloader.dataset.data_root
            if used != path:
                wrong.append(f'{text} -> {used}')
        except Sparse3DError as error:
            print('refused:', error)
verdict(not wrong, '; '.join(wrong) or 'paths stay as given')
