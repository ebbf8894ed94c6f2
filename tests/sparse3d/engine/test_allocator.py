"""Freed memory is used again without a page fault."""
from __future__ import annotations

import platform
import subprocess
import sys

import pytest

FAULTS = """
import resource
import sys

import sparse3d.register
import torch
from sparse3d.engine.allocator import set_allocator

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.empty(2 ** 26, dtype=torch.uint8).fill_(1)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

default = [faults(), faults()][1]
kept = set_allocator()
print(default, kept, [faults() for _ in range(5)][-1])
"""


@pytest.mark.skipif(platform.libc_ver()[0] != 'glibc', reason='the setting is one of glibc')
def test_the_second_tensor_costs_no_page_faults():
    default, kept, later = subprocess.run(
        [sys.executable, '-c', FAULTS], capture_output=True, text=True, check=True).stdout.split()
    assert kept == 'True'
    assert int(later) < 10 < int(default)  # 16,384 pages, or 32 huge ones


def test_another_system_is_left_alone(monkeypatch):
    from sparse3d.engine import allocator as freed_memory
    monkeypatch.setattr(freed_memory.sys, 'platform', 'darwin')
    assert not freed_memory.set_allocator()
