"""The quirks of SparseViT: each is shown, and the page has their table."""
from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import sparse3d.register  # noqa: F401  (registers the core)
from sparse3d.engine.published_tables import rows_of
from sparse3d.models.backbones.sparse_swin_published import SparseSwinPublished

ROOT = Path(__file__).resolve().parents[4]
SHOWN = {'padding': ('test_golden_sparse_swin.py', 'test_padding_before_and_after_the_norm_differ'),
         'truncation': ('test_sparse_swin.py', 'test_nothing_is_left_where_the_release_keeps_no_')}


def test_every_field_has_its_test():
    assert set(SHOWN) == {each.name for each in fields(SparseSwinPublished)}
    for file, name in SHOWN.values():
        assert f'def {name}' in (Path(__file__).parent / file).read_text()


def test_the_page_has_the_table_of_the_quirks():
    page = (ROOT / 'docs' / 'sparsity.md').read_text()
    for row in rows_of(SparseSwinPublished).splitlines()[2:]:
        assert row in page
