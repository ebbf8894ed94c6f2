"""What is installed finds its files by package, never by where the source tree lies."""
from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SHIPPED = sorted(path.relative_to(ROOT) for folder in ('projects', 'benchmarks', 'configs')
                 for path in (ROOT / folder).rglob('*.py'))
# Folders of the source tree that no wheel has.
OUTSIDE = ('tools/', 'tests/', 'shared/', 'constraints.txt')


def outside_paths(source: str) -> list[str]:
    """``parents[n]``, and texts in code (docstrings are prose) that name the source tree."""
    tree = ast.parse(source)
    prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    found = [ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Subscript)
             and isinstance(node.value, ast.Attribute) and node.value.attr == 'parents']
    return found + [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)
                    and isinstance(node.value, str) and id(node) not in prose
                    and node.value.startswith(OUTSIDE)]


def test_the_check_finds_both_kinds():
    assert outside_paths("ROOT = Path(__file__).resolve().parents[2]\n"
                         "x = 'tools/train.py'") == [
        'Path(__file__).resolve().parents[2]', 'tools/train.py']
    assert outside_paths('"""tools/train.py"""\nx = path.parent') == []


@pytest.mark.parametrize('path', SHIPPED, ids=str)
def test_no_path_leaves_the_package(path):
    assert outside_paths((ROOT / path).read_text()) == []


@pytest.mark.parametrize('path', [path for path in SHIPPED if path.parts[0] == 'projects'], ids=str)
def test_no_text_sends_to_the_package_of_the_same_name(path):
    assert 'pip install sparse3d' not in (ROOT / path).read_text()
