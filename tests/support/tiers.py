"""Which tests the everyday loop runs: quick ones, from every room of the house.

A file or folder below ``tests/``. Slow tests in them are left out all the same.
"""
from __future__ import annotations

from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
FAST = (
    'test_house_rules.py', 'test_import_order.py', 'test_mirror.py', 'test_tiers.py',
    'test_words.py', 'docs/test_figures.py',
    'sparse3d/test_atomic_files.py', 'sparse3d/test_plugins.py', 'sparse3d/test_safe_pickle.py',
    'sparse3d/structures', 'sparse3d/parallel', 'sparse3d/metrics', 'sparse3d/ops',
    'sparse3d/checkpoints', 'sparse3d/preparation/test_label_conventions.py',
    'dsvt/test_rotated_sets.py', 'dsvt/test_set_attention.py', 'dsvt/test_attention_pooling.py',
    'focalsconv/test_focal_sparse_convolution.py', 'focalsconv/test_importance_loss.py',
    'focalsconv/test_proposal_targets.py',
    'sparsebev/test_parts.py', 'sparsebev/test_training_parts.py',
    'sparsefusion/test_camera_geometry.py', 'voxelkp/test_augment_people.py',
)


def is_fast(path: Path) -> bool:
    """Whether a test file, or a folder on the way to one, is in the everyday loop."""
    if not path.is_relative_to(TESTS):
        return False
    name = path.relative_to(TESTS).as_posix()
    return any(name == fast or name.startswith(f'{fast}/') or fast.startswith(f'{name}/')
               for fast in FAST)
