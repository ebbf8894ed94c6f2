"""A page that says something false makes its test fail, with the line and what was printed."""
from __future__ import annotations

import pytest
from page_steps import Step
from reader import Reader


def test_the_line_and_the_output_of_what_fails(tmp_path):
    reader = Reader(tmp_path / 'home')
    reader.do('page.md', Step(1, 'shell', 'export GREETING=hello'))
    reader.do('page.md', Step(2, 'shell', 'test "$GREETING" = hello; test -e configs'))
    with pytest.raises(pytest.fail.Exception, match=r'(?s)page.md, line 7: exit status 3 of.*ho'):
        reader.do('page.md', Step(7, 'shell', 'echo ho; exit 3'))
    with pytest.raises(pytest.fail.Exception, match=r'(?s)page.md, line 9.*NameError'):
        reader.do('page.md', Step(9, 'python', 'absent'))


def test_a_tool_has_to_end_with_its_summary(tmp_path):
    reader = Reader(tmp_path / 'home')
    reader.do('page.md', Step(1, 'shell', 'echo evaluated a.pth: 3 metrics  # tools/test.py'))
    with pytest.raises(pytest.fail.Exception, match="line 2: test.py ends with 'done'"):
        reader.do('page.md', Step(2, 'shell', 'echo done  # tools/test.py'))


def test_what_commands_write_stays_in_the_reader_s_folder(tmp_path):
    reader = Reader(tmp_path / 'home')
    for name in ('results', 'projects', 'README.md'):
        assert (reader.folder / name).exists() and not (reader.folder / name).is_symlink()
