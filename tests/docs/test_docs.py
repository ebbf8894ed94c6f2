"""The page that is followed in full, the site, and what pages point to."""
from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from page_steps import steps_of
from reader import Reader

ROOT = Path(__file__).resolve().parents[2]
LINK = re.compile(r'\]\(([^)#\s]+)(#[^)]*)?\)')
PAGES = sorted([*ROOT.glob('*.md'), *ROOT.glob('docs/**/*.md'), *ROOT.glob('projects/*/*.md')])


@pytest.mark.slow
def test_your_own_data_in_an_hour(tmp_path):
    page = 'docs/custom_data.md'
    assert len(steps_of(ROOT / page)) == 15
    Reader(tmp_path).follow(page)
    for folder in ('labels', 'pictures'):
        assert list((tmp_path / folder).glob('*_bev.png'))
    assert (tmp_path / 'data/next/boxes/000039.csv').is_file()
    assert (tmp_path / 'found.json').is_file() and (tmp_path / 'found/000039.json').is_file()


def test_the_site_builds_without_warnings(tmp_path):
    pytest.importorskip('mkdocs', reason='mkdocs is not installed (pip install .[docs])')
    done = subprocess.run(
        [sys.executable, '-m', 'mkdocs', 'build', '--strict', '-q', '-d', str(tmp_path / 'site')],
        cwd=ROOT, capture_output=True, text=True,
        env={**os.environ, 'DISABLE_MKDOCS_2_WARNING': 'true'})
    assert done.returncode == 0, done.stderr
    reference = (tmp_path / 'site/reference/sparse3d/ops.html').read_text()
    assert 'rotated_iou_bev' in reference and 'in BEV' in reference


@pytest.mark.parametrize('page', PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    broken = [target for target, _ in LINK.findall(page.read_text())
              if '://' not in target and not (page.parent / target).exists()]
    assert broken == []


@pytest.mark.parametrize('page', PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_configs_and_tools_that_a_page_names_exist(page):
    text = re.sub(r'(?m)^Released: .*\. Ours: ', '', page.read_text())  # other repositories'
    names = re.findall(r'(?<![\w/])(?:tools/\w+\.(?:py|sh)|configs/[\w/]+\.py)', text)
    placeholders = {'configs/sparsebev/X.py'}  # what a reader writes
    assert [name for name in names if name not in placeholders
            and not (ROOT / name).exists()] == []


def test_the_page_of_tools_has_all_of_them():
    page = (ROOT / 'docs/tools.md').read_text()
    assert [path.name for path in sorted(ROOT.glob('tools/*.*'))
            if path.suffix in ('.py', '.sh') and f'tools/{path.name}' not in page] == []
