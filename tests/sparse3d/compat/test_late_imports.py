"""Stand-ins load the real thing at the first use, for the importers named and for nobody else."""
from __future__ import annotations

import pickle
import subprocess
import sys
import threading

import pytest

from sparse3d.compat.late_imports import late_imports

HEAVY = """
loads.append(1)
LIMIT = 7
class Shape:
    def __new__(cls, *given):
        return super().__new__(cls)
    def __init__(self, size=0):
        self.size = size
    def area(self):
        return self.size ** 2
def double(value):
    return 2 * value
"""
IMPORTER = """
try:
    import heavy.deep as deep
    from heavy.deep import Shape, double
except ImportError:
    deep = Shape = double = None
import heavy
class Square(Shape or object):
    def area(self):
        return 10 * super().area()
def annotated(shape: 'Shape | None') -> None: ...
"""
LOADED = ('sklearn', 'pandas', 'matplotlib', 'sympy', 'torch.distributed.optim',
          'torch.distributed.fsdp', 'motmetrics', 'seaborn', 'nuscenes', 'lyft_dataset_sdk')
USED = f"""
import sys
import sparse3d.register
from mmengine.optim import ZeroRedundancyOptimizer
from mmengine.registry import MODEL_WRAPPERS, OPTIMIZERS
from mmdet.models.task_modules.tracking.interpolation import GPR, HAS_SKIKIT_LEARN
loaded = [name for name in {LOADED} if name in sys.modules]
assert not loaded, loaded
assert HAS_SKIKIT_LEARN
assert OPTIMIZERS.get('ZeroRedundancyOptimizer') is ZeroRedundancyOptimizer
assert MODEL_WRAPPERS.get('MMFullyShardedDataParallel')
import sklearn.gaussian_process
assert isinstance(GPR(), sklearn.gaussian_process.GaussianProcessRegressor)
import mmdet.models.task_modules.tracking.interpolation as importer
assert importer.GPR is sklearn.gaussian_process.GaussianProcessRegressor
import torch
torch.distributed.init_process_group('gloo', init_method='tcp://127.0.0.1:0', rank=0, world_size=1)
weight = torch.nn.Parameter(torch.ones(2))
optimizer = ZeroRedundancyOptimizer([weight], 'SGD', lr=0.5)
from torch.distributed.optim import ZeroRedundancyOptimizer as Torchs
assert isinstance(optimizer, Torchs) and issubclass(ZeroRedundancyOptimizer, Torchs)
weight.sum().backward()
optimizer.step()
assert weight.tolist() == [0.5, 0.5]
"""


@pytest.fixture
def importer(tmp_path, monkeypatch):
    """A module that imports a heavy package, loaded with stand-ins; and how often that loaded."""
    (tmp_path / 'heavy').mkdir()
    (tmp_path / 'heavy' / '__init__.py').write_text('')
    (tmp_path / 'heavy' / 'deep.py').write_text('from counted import loads\n' + HEAVY)
    (tmp_path / 'counted.py').write_text('loads = []\n')
    (tmp_path / 'corner.py').write_text(IMPORTER)
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ('heavy', 'heavy.deep', 'corner', 'counted'):
        monkeypatch.delitem(sys.modules, name, raising=False)
    import counted
    with late_imports({'corner': ('heavy',)}):
        import corner
    yield corner, counted.loads
    for name in ('heavy', 'heavy.deep', 'corner', 'counted'):
        sys.modules.pop(name, None)


def test_nothing_is_loaded_and_nothing_false_is_left(importer):
    corner, loads = importer
    assert not loads and 'heavy' not in sys.modules and 'heavy.deep' not in sys.modules
    import heavy.deep  # of a user: the real thing
    assert heavy.deep.LIMIT == 7 and loads == [1]


@pytest.mark.parametrize('use', [
    lambda corner: corner.double(4) == 8,
    lambda corner: corner.deep.double(4) == 8,
    lambda corner: corner.Shape(3).area() == 9,
    lambda corner: isinstance(3, corner.Shape) is False,
    lambda corner: corner.Square(3).area() == 90,
    lambda corner: corner.heavy.deep.double(1) == 2,
    lambda corner: pickle.loads(pickle.dumps(corner.double))(4) == 8])
def test_the_first_use_loads_it_once(importer, use):
    corner, loads = importer
    assert use(corner) and use(corner)
    assert loads == [1]


def test_a_used_name_is_replaced_by_the_real_one(importer):
    corner, _ = importer
    corner.Shape(1)
    from heavy.deep import Shape
    assert corner.Shape is Shape
    assert isinstance(corner.Square(2), Shape) and issubclass(corner.Square, Shape)


def test_a_wrong_name_fails_at_its_use(importer):
    corner, _ = importer
    with pytest.raises(AttributeError, match="'heavy.deep' has no attribute 'triple'"):
        corner.deep.triple(1)


def test_many_threads_use_it_at_once(importer):
    corner, loads = importer
    results = []
    threads = [threading.Thread(target=lambda: results.append(corner.Square(3).area()))
               for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [90] * 8 and loads == [1]


def test_a_package_that_is_not_there_fails_as_ever(tmp_path, monkeypatch):
    (tmp_path / 'corner.py').write_text(IMPORTER.replace('import heavy\n', ''))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, 'corner', raising=False)
    with late_imports({'corner': ('heavy',)}):
        import corner
    sys.modules.pop('corner')
    assert corner.deep is None and corner.Shape is None


def test_other_importers_get_the_real_thing(importer, tmp_path):
    (tmp_path / 'other.py').write_text('from heavy.deep import double\n')
    with late_imports({'corner': ('heavy',)}):
        import other
    sys.modules.pop('other')
    from heavy.deep import double
    assert other.double is double


def test_the_stack_loads_without_them_and_they_work_when_used():
    done = subprocess.run([sys.executable, '-c', USED], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
