"""The command lines, called as a user calls them."""
from __future__ import annotations

import contextlib
import io
import runpy
from pathlib import Path

import pytest

from installed import build_our_wheel

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope='session')
def our_wheel(tmp_path_factory) -> Path:
    """The wheel of this source tree."""
    return build_our_wheel(tmp_path_factory.mktemp('our_wheel'))


@pytest.fixture
def run(monkeypatch):
    """Call a tool in this process (each import of the stack takes seconds)."""
    monkeypatch.chdir(ROOT)

    def call(tool: str, *arguments) -> str:
        monkeypatch.setattr('sys.argv', [f'{tool}.py', *map(str, arguments)])
        out = io.StringIO()
        with contextlib.redirect_stdout(out), pytest.raises(SystemExit) as ended:
            runpy.run_path(str(ROOT / f'tools/{tool}.py'), run_name='__main__')
        assert not ended.value.code, out.getvalue()
        return out.getvalue()
    return call
