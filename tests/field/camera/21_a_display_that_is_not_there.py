"""visualize.py --show (and found.show()) with DISPLAY set to a display that is gone (ssh -X cut, tmux): open3d
falls back to no window, and the tool waits for a window that nobody can see or close, for ever, without a word.
Seen at: isl-org/Open3D#6763, #972, #5292; open-mmlab/mmdetection3d#2475, #2857.
Right: the sentence that is there for no DISPLAY at all."""
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
program = (f'import sys; sys.path.insert(0, {str(REPO / "projects")!r})\n'
           'import numpy as np\n'
           'from sparse3d.errors import Sparse3DError\n'
           'from sparse3d.visualization.viewer import Viewer\n'
           'from sparse3d.visualization.viewer_state import ViewerState\n'
           'from sparse3d.visualization.frame import Frame\n'
           'frame = Frame("frame", np.zeros((5, 4), np.float32), ("car",))\n'
           'try:\n'
           '    viewer = Viewer(ViewerState(lambda index: frame, 1))\n'
           '    print("waits", flush=True); viewer.run()\n'
           'except Sparse3DError as error:\n'
           '    print("refused:", error, flush=True)\n')
process = subprocess.Popen([sys.executable, '-c', program], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                           text=True, env={**os.environ, 'DISPLAY': ':77'})
import threading
killer = threading.Timer(50, process.kill)
killer.start()
said = ''
for line in process.stdout:
    said += line
    if line.startswith(('waits', 'refused')):
        break
ended = None
if said.endswith('waits\n'):
    try:
        ended = process.wait(8)
    except subprocess.TimeoutExpired:
        pass
process.kill()
killer.cancel()
verdict('refused' in said, 'refused' if 'refused' in said else f'after 8 s it still waits (ended: {ended}); '
        f'{"X11 GLFW init failed" in said and "open3d said that it has no X11"}')
