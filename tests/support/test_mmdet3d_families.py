"""The table of mmdet3d's families: complete, and filled between its marks."""
from __future__ import annotations

from importlib.resources import files

import pytest

import mmdet3d_families as families


def test_every_family_that_mmdet3d_ships_has_a_row_and_its_config_is_there():
    home = files('mmdet3d') / '.mim' / 'configs'
    shipped = {folder.name for folder in home.iterdir() if folder.is_dir()} - {'_base_'}
    assert shipped == set(families.FAMILIES) | set(families.WITHOUT_CONFIGS)
    absent = [name for name, (file, *_) in families.FAMILIES.items()
              if not (home / name / file).is_file()]
    assert absent == []
    assert not any(list((home / name).glob('*.py')) for name in families.WITHOUT_CONFIGS)


def test_the_page_says_what_stands_in_the_way(tmp_path, monkeypatch):
    page = tmp_path / 'page.md'
    begin, end = families.MARKS
    page.write_text(f'before\n{begin}\nold\n{end}\nafter\n')
    monkeypatch.setattr(families, 'PAGE', page)
    results = {name: dict(config=f'{name}/{file}', step='runs', prediction='runs')
               for name, (file, *_) in families.FAMILIES.items()}
    results['fcaf3d'] = dict(config='fcaf3d/a.py', build='ImportError: no MinkowskiEngine')
    families.fill_page(results)
    text = page.read_text()
    assert text.startswith(f'before\n{begin}\n') and text.endswith(f'{end}\nafter\n')
    assert '| fcaf3d | `a.py` | build: ImportError: no MinkowskiEngine |' in text
    assert '| second | `second_hv_secfpn_8xb6-80e_kitti-3d-3class.py` | runs |' in text
    assert 'old' not in text and text.count('| runs |') == len(families.FAMILIES) - 1
    del results['second']
    with pytest.raises(SystemExit, match='not run yet: second'):
        families.fill_page(results)


def test_the_page_has_the_marks_once():
    text = families.PAGE.read_text()
    assert [text.count(mark) for mark in families.MARKS] == [1, 1]
