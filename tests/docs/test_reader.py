"""A page that says something false makes its test fail, with the line and what was printed."""
from __future__ import annotations

import pytest
from page_steps import Step
from reader import Reader
from short_commands import METRICS


@pytest.fixture
def reader(tmp_path):
    return Reader(tmp_path / 'home')


def fails(reader: Reader, command: str, match: str, kind: str = 'shell') -> None:
    with pytest.raises(pytest.fail.Exception, match=f'(?s)page.md, line 7: {match}'):
        reader.do('page.md', Step(7, kind, command))


def test_the_line_and_the_output_of_what_fails(reader):
    reader.do('page.md', Step(1, 'shell', 'export GREETING=hello'))
    reader.do('page.md', Step(2, 'shell', 'test "$GREETING" = hello; test -e configs'))
    fails(reader, 'echo ho; exit 3', 'exit status 3 of.*ho')
    fails(reader, 'absent', 'exit status 1 of.*NameError', kind='python')


def test_files_have_to_be_there_and_to_hold_something(reader):
    command = 'true tools/convert_checkpoint.py dsvt a.pth \\\n    b.pth'
    fails(reader, command, 'no b.pth')
    (reader.folder / 'b.pth').touch()
    fails(reader, command, 'no b.pth')
    (reader.folder / 'b.pth').write_text('weights')
    reader.do('page.md', Step(1, 'shell', command))
    fails(reader, 'true tools/visualize.py CONFIG', r'no pictures/\*.png')
    fails(reader, 'true tools/visualize.py CONFIG --out here', r'no here/\*.png')


def test_figures_have_to_be_numbers(reader):
    for figures in ('', '"AP": NaN'):
        fails(reader, f"echo '{{\"metrics\": {{{figures}}}}}' > {METRICS}", 'no figures')
    reader.do('page.md', Step(1, 'shell', f"echo '{{\"metrics\": {{\"AP\": 0.0}}}}' > {METRICS}"))
    reader.do('page.md', Step(2, 'shell', 'true'))  # those of another command do not count


def test_what_commands_write_stays_in_the_reader_s_folder(reader):
    for name in ('results', 'projects', 'README.md'):
        assert (reader.folder / name).exists() and not (reader.folder / name).is_symlink()
