"""The released SparseFusion's stored arrays, for all tests of this folder."""
from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

import sparsefusion.register  # noqa: F401  (registers what the configs name)


@pytest.fixture(scope='session')
def case() -> ModuleType:
    """The contents of golden_case.py."""
    path = Path(__file__).with_name('golden_case.py')
    spec = importlib.util.spec_from_file_location('sparsefusion_golden_case', path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope='session')
def golden(golden_dir, case):
    """Stored arrays, and the weights they belong to in our detector."""
    return case.Golden(golden_dir)
