"""docs/figures.md says of every file what the file's own ``Source:`` says."""
from __future__ import annotations

import ast
import re
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PLUG_INS = sorted(path.parent.name for path in (ROOT / 'projects').glob('*/__init__.py')
                  if not path.parent.name.startswith('sparse3d')
                  and list(path.parent.glob('published_checkpoint.py')))


def rows_of(page: str) -> list[tuple[str, ...]]:
    """Paper, place, what and file of each row of the page's tables."""
    cells = (line.strip().strip('|').split(' | ') for line in page.splitlines()
             if line.startswith('| ') and line.count('`') == 2)
    return [tuple(cell.strip(' `') for cell in row) for row in cells]


def sources_in(code: str) -> list[str]:
    """The paragraphs of docstrings that begin with ``Source:``, each on one line."""
    texts = (ast.get_docstring(node) or '' for node in ast.walk(ast.parse(code))
             if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)))
    return [' '.join(found.split()) for text in texts
            for found in re.findall(r'^Source: (.*?)(?:\n\n|\Z)', text, re.M | re.S)]


ROWS = rows_of((ROOT / 'docs' / 'figures.md').read_text())


def agrees(paper: str, place: str, sources: list[str]) -> bool:
    """Whether one of the sources names ``place`` in the part of it that begins with ``paper``."""
    parts = [part.strip() for source in sources for part in source.split(';')]
    return any(re.match(rf'{re.escape(paper)},.*\b{re.escape(place)}(?!\.?\d)', part)
               for part in parts)


def test_a_wrong_row_would_be_seen():
    sources = ['SparseBEV (ICCV 2023), section 3.2, equation 2; code.']
    assert agrees('SparseBEV (ICCV 2023)', 'section 3.2', sources)
    assert not agrees('SparseBEV (ICCV 2023)', 'section 3', sources)
    assert not agrees('SparseBEV (ICCV 2023)', 'section 3.3', sources)
    assert not agrees('DSVT (CVPR 2023)', 'section 3.2', sources)


@pytest.mark.parametrize('row', ROWS, ids=lambda row: f'{Path(row[3]).stem}-{row[1]}')
def test_the_file_names_the_same_source(row):
    paper, place, _, file = row
    sources = sources_in((ROOT / file).read_text())
    assert agrees(paper, place, sources), f'{file} says {sources}'


def test_every_plug_in_has_six_rows():
    counts = Counter(Path(file).parts[1] for *_, file in ROWS)
    assert {name: counts[name] for name in PLUG_INS if counts[name] < 6} == {}
