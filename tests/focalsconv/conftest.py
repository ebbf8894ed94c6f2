"""The plain Python oracle, for all tests of this folder."""
from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

import focalsconv.register  # noqa: F401  (registers what the configs name)


@pytest.fixture(scope='session')
def oracle() -> ModuleType:
    """The functions of slow_oracle.py."""
    path = Path(__file__).with_name('slow_oracle.py')
    spec = importlib.util.spec_from_file_location('focalsconv_slow_oracle', path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
