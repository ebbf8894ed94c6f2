"""Paths with a scheme are told from files here."""
from __future__ import annotations

from pathlib import Path

import pytest

from sparse3d.remote_paths import address_of, is_remote, scheme_of


@pytest.mark.parametrize('path, address', [
    ('s3://bucket/a/b.bin', 's3://bucket/a/b.bin'),
    (Path('s3://bucket') / 'a' / 'b.bin', 's3://bucket/a/b.bin'),
    (Path('https://host:80/x.pkl'), 'https://host:80/x.pkl')])
def test_an_address_also_after_pathlib(path, address):
    assert is_remote(path) and address_of(path) == address
    assert scheme_of(path) == address.split(':')[0]


@pytest.mark.parametrize('path', ['data/kitti', '/data/a:b/c', 'C:/data/kitti', 'C:\\data', '',
                                  'a:b', './s3://x', Path('data')])
def test_files_here(path):
    assert not is_remote(path) and scheme_of(path) == ''
