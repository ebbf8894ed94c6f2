from __future__ import annotations

from pathlib import Path

from sparse3d.ops import kernel_places


def test_a_build_goes_with_its_environment_or_into_the_cache(monkeypatch):
    monkeypatch.delenv(kernel_places.SETTING, raising=False)
    monkeypatch.setenv('XDG_CACHE_HOME', '/cache')
    monkeypatch.setattr('sys.prefix', '/env')
    assert kernel_places.folders() == [Path('/env/share/sparse3d/kernels'),
                                      Path('/cache/sparse3d/kernels')]
    monkeypatch.setattr('sys.base_prefix', '/env')  # no environment: the system's Python
    assert kernel_places.folders() == [Path('/cache/sparse3d/kernels')]
    monkeypatch.setenv(kernel_places.SETTING, '/mine')
    assert kernel_places.folders() == [Path('/mine')]


def test_a_user_without_a_home_has_no_cache(monkeypatch):
    for name in (kernel_places.SETTING, 'XDG_CACHE_HOME'):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr('os.path.expanduser', lambda path: path)  # who is unknown to the system
    monkeypatch.setattr('sys.prefix', '/no/such/env')
    assert kernel_places.folders() == [Path('/no/such/env/share/sparse3d/kernels')]
    monkeypatch.setattr('sys.base_prefix', '/no/such/env')
    assert kernel_places.folders() == []
    assert 'finds no compiled kernels' in kernel_places.usable_file().lack


def test_a_folder_that_may_not_be_looked_into_is_passed_over(monkeypatch):
    def refuse(path, **_):
        raise PermissionError(13, 'Permission denied', str(path))
    monkeypatch.setenv(kernel_places.SETTING, '/root/of/another')
    kernel_places.key()  # read before
    monkeypatch.setattr('os.stat', refuse)
    assert 'finds no compiled kernels' in kernel_places.usable_file().lack


def test_other_sources_or_another_processor_have_another_key(monkeypatch, tmp_path):
    fresh = kernel_places.key.__wrapped__
    keys = {fresh()}
    monkeypatch.setattr(kernel_places, 'level', lambda: 'OTHER')
    keys.add(fresh())
    for path in kernel_places.SOURCES.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    monkeypatch.setattr(kernel_places, 'SOURCES', tmp_path)
    assert fresh() in keys
    header = tmp_path / 'vectors.h'
    header.write_text(header.read_text() + '\n')
    keys.add(fresh())
    assert len(keys) == 3
