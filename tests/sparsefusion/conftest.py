"""The released SparseFusion's stored arrays, for all tests of this folder."""
from __future__ import annotations

from types import ModuleType

import pytest

import sparsefusion.register  # noqa: F401  (registers what the configs name)
import sparsefusion_golden


@pytest.fixture(scope='session')
def case() -> ModuleType:
    """The contents of tests/support/sparsefusion_golden.py."""
    return sparsefusion_golden


@pytest.fixture(scope='session')
def golden(golden_dir):
    """Stored arrays, and the weights they belong to in our detector."""
    return sparsefusion_golden.Golden(golden_dir)
