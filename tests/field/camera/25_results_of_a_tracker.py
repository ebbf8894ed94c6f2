"""Results of another tool in nuScenes' format (tracking_name and tracking_score, three numbers of velocity or none)
given to Detections.from_nuscenes: raw KeyError and ValueError. (No tool draws a results file at all: visualize.py and
analyze.py want a checkpoint.)
Seen at: tianweiy/CenterPoint#191, nutonomy/nuscenes-devkit#723, open-mmlab/mmdetection3d#2724, SysCV/qd-3dt#41.
Right: take both kinds of names; else one sentence with the key (as from_dicts and from_kitti do)."""
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

from sparse3d.apis import Detections
from sparse3d.errors import Sparse3DError
box = dict(sample_token='t', translation=[1, 2, 3.], size=[1, 2, 3.], rotation=[1, 0, 0, 0.], velocity=[0, 0.],
           detection_name='car', detection_score=.5, attribute_name='')
tracked = {**{key: value for key, value in box.items() if 'detection' not in key}, 'tracking_id': '7',
           'tracking_name': 'car', 'tracking_score': .5}
raw = []
for name, entry in (('tracking', tracked), ('velocity of three', {**box, 'velocity': [0, 0, 0.]}),
                    ('no velocity', {key: value for key, value in box.items() if key != 'velocity'})):
    try:
        Detections.of([entry], 'nuscenes', ('car',))
    except Sparse3DError:
        pass
    except Exception as error:
        raw.append(f'{name}: {type(error).__name__}: {error}')
verdict(not raw, '; '.join(raw) or 'taken or refused in a sentence')
