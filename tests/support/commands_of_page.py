"""The `sparse3d` commands of a page and the files that its blocks show."""
from __future__ import annotations

import re
from pathlib import Path

COMMAND = re.compile(r'^    (sparse3d [^#\n]*?)(?: +#.*)?$', re.MULTILINE)
SHOWN = re.compile(r'^`([\w/.]+)`(?:[^\n`]*)\n\n```\w+\n(.*?)^```$', re.MULTILINE | re.DOTALL)


def commands_of(page: Path) -> list[str]:
    """Commands in indented blocks, in the order of the page, without the remarks behind them."""
    return COMMAND.findall(page.read_text())


def shown_files(page: Path) -> list[tuple[str, str]]:
    """(name of a file, what a block shows of it); the name stands in the line above the block."""
    return SHOWN.findall(page.read_text())
