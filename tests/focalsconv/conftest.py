"""The plain Python oracle, for all tests of this folder."""
from __future__ import annotations

from types import ModuleType

import pytest

import focalsconv.register  # noqa: F401  (registers what the configs name)
import focalsconv_oracle


@pytest.fixture(scope='session')
def oracle() -> ModuleType:
    """The functions of tests/support/focalsconv_oracle.py."""
    return focalsconv_oracle
