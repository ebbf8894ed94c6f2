"""The commands and snippets of a page, in its order, with the lines that they stand in.

A step is a command of a block that begins with a word of ``COMMANDS`` and is indented by four
blanks or fenced as ``bash``, ``sh`` or nothing (loops and lines that end with a backslash are one
command); a block of Python (fenced as ``python``, or one that begins with an import); or a span
of code in the text that begins with a command and has arguments.
"""
from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

BLOCK = re.compile(r'^```(?P<language>.*)\n(?P<fenced>(?:.*\n)*?)```.*$|(?:\A|(?<=\n\n))'
                   r'(?P<indented>(?:    .*\n)+)', re.MULTILINE)
ASSIGNMENTS = r'(?:[A-Z_0-9]+=\S+ )*'
COMMAND = re.compile(ASSIGNMENTS + r'(?:tools/|\.venv/bin/|(?:python3?|pytest|pip|make|export|for'
                     r'|ln|tensorboard|trtexec|docker|mkdocs)(?=\s))')
# In the text a tool without "python" is a mention or a synopsis, and so is one without arguments.
SPAN = re.compile(r'(?<!`)`([^`]+)`(?!`)')
COMMAND_IN_TEXT = re.compile(
    ASSIGNMENTS + r'(?:python (?:-m )?\S+|pytest|pip|make|tensorboard|trtexec|docker) \S')


@dataclass(frozen=True)
class Step:
    """Something that a reader of a page does."""

    line: int   # of the page, from 1
    kind: str   # 'shell' or 'python'
    text: str


def steps_of(page: Path) -> list[Step]:
    """All steps of a Markdown file, in its order."""
    text, found = page.read_text(), []

    def take(block: re.Match) -> str:
        name = 'indented' if block['indented'] else 'fenced'
        first = text.count('\n', 0, block.start(name)) + 1
        lines = (re.sub('(?m)^    ', '', block[name]) if block['indented'] else block[name])
        found.extend(_steps_of_block(first, block['language'] or '', lines.splitlines()))
        return '\n' * block[0].count('\n')

    prose = BLOCK.sub(take, text)
    for span in SPAN.finditer(prose):
        command = ' '.join(span[1].split())
        if COMMAND_IN_TEXT.match(command) and '\n\n' not in span[1]:
            found.append(Step(prose.count('\n', 0, span.start()) + 1, 'shell', command))
    return sorted(found, key=lambda step: step.line)


def _steps_of_block(first: int, language: str, lines: list[str]) -> Iterator[Step]:
    plain = language in ('', 'bash', 'sh') and bool(lines)
    if language == 'python' or (plain and re.match(r'(?:import|from) \w', lines[0])):
        yield Step(first, 'python', '\n'.join(lines) + '\n')
    elif plain and COMMAND.match(lines[0]):
        begun = 0
        for end in range(1, len(lines) + 1):
            command = '\n'.join(lines[begun:end])
            loops = len(re.findall(r'\bfor \w+ in\b', command)) - len(
                re.findall(r'(?:^|;)\s*done\b', command, re.MULTILINE))
            if loops == 0 and not command.endswith('\\'):
                if command.strip() and not command.lstrip().startswith('#'):
                    yield Step(first + begun, 'shell', command)
                begun = end
        assert begun == len(lines), f'the command that begins in line {first + begun} has no end'
