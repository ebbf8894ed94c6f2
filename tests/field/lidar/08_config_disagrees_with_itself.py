"""What a user changes "in the first lines" of custom_data.py (docs/custom_data.md) stands in the
model a second time. Disagreement is not noticed: --dry-run says "ready to train", and then
  classes   the data set has Car and Pedestrian, the head Car alone: Pedestrian is never learned
  more      the head has three classes, the data one: detections.names raises IndexError
  range     the data reach 51 m to all sides, the model's grid 51 m ahead and 20 m aside
  voxel     voxels of 0.2 m for a grid of 0.1 m: trains to 0.00 (0.05 m: traceback in step one)
  columns   3 columns for an encoder of 4 (5: the fifth is dropped silently)

Reports: https://github.com/open-mmlab/OpenPCDet/issues/516, https://github.com/traveller59/second.pytorch/issues/12
(only the front half), https://github.com/traveller59/spconv/issues/623, https://github.com/mit-han-lab/bevfusion/issues/418,
https://github.com/tusen-ai/SST/issues/70, https://github.com/open-mmlab/mmdetection3d/issues/2728.
Right: ConfigError when the config is checked (the sparse_shape is already compared).
"""
import contextlib
import io
import sys
import tempfile
from pathlib import Path

import numpy as np
from sparse3d.apis import train
from sparse3d.plugins import config_home
from sparse3d.errors import Sparse3DError
from sparse3d.datasets.custom.prepare.frames import CustomPreparation, prepare_custom

DATA = (config_home() / '_base_/datasets/custom_data.py').read_text()
CLASSES, RANGE, COLUMNS = "class_names = ['Car'] ", 'point_cloud_range = [0, -20, -3, 51.2, 20, 1]', 'columns = 4 '
CASES = {  # name: (replaced in custom_data.py, changes of the model, columns of the files)
    'nothing': ((), '', 4),
    'classes': ((CLASSES, "class_names = ['Car', 'Pedestrian'] "), '', 4),
    'more': ((), "model = dict(bbox_head=dict(tasks=[dict(num_class=3, class_names=['Car', 'B', 'C'])]))\n", 4),
    'range': ((RANGE, 'point_cloud_range = [-51.2, -51.2, -3, 51.2, 51.2, 1]'), '', 4),
    'voxel': ((), 'model = dict(data_preprocessor=dict(voxel_layer=dict(voxel_size=[0.2, 0.2, 0.2])))\n', 4),
    'columns': ((COLUMNS, 'columns = 3 '), '', 3),
}
ready = []
for name, (change, model, columns) in CASES.items():
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for part in ('points', 'boxes'):
            (root / part).mkdir()
        rng = np.random.default_rng(0)
        for number in range(4):
            points = rng.uniform([0, -19, -2, 0], [50, 19, 0, 1], (600, 4))[:, :columns]
            np.save(root / 'points' / f'{number}.npy', points.astype(np.float32))
            (root / 'boxes' / f'{number}.csv').write_text(
                'class,x,y,z_bottom,dx,dy,dz,yaw\nCar,20,1,-2,4,2,1.5,0\nPedestrian,9,2,-2,1,1,1.7,0\n')
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            prepare_custom(root, CustomPreparation(columns=columns))
        text = DATA.replace(*change) if change else DATA
        assert not change or text != DATA
        (root / 'data.py').write_text(text)
        (root / 'config.py').write_text(
            f"_base_ = ['{config_home()}/_base_/models/centerpoint_small.py', 'data.py', "
            f"'{config_home()}/_base_/schedules/onecycle_minutes.py', '{config_home()}/_base_/default_runtime.py']\n{model}")
        try:
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                said = str(train(root / 'config.py', root / 'work', dict(
                    data_root=folder, **{'train_dataloader.num_workers': 0, 'val_dataloader.num_workers': 0,
                                         'train_dataloader.persistent_workers': False,
                                         'val_dataloader.persistent_workers': False}), dry_run=True))
        except Sparse3DError as error:
            said = f'refused: {error}'
        if name == 'nothing':
            assert 'ready' in said, said
        elif 'ready' in said:
            ready.append(name)
print(f'FAIL "ready to train" although these disagree: {", ".join(ready)}' if ready else 'PASS')
sys.exit(bool(ready))
