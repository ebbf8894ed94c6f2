"""Recordings need an extra; without it these tests are skipped, with the reason."""
from __future__ import annotations

import pytest

pytest.importorskip('mcap', reason='mcap is not installed (extra recordings)')
pytest.importorskip('rosbags', reason='rosbags is not installed (extra recordings)')
