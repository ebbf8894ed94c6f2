"""The packages of the export, or no test."""
from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def packages():
    for name in ('onnx', 'onnxruntime', 'onnxscript'):
        pytest.importorskip(name, reason=f'{name} is not installed (extra: export)')
