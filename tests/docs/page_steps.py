"""The commands and snippets of a page, in its order, with the lines that they stand in.

A step is

- a command in a block that is indented by four blanks or fenced as ``bash``, ``sh`` or nothing,
  if the block begins with a word of ``COMMANDS`` (other blocks show layouts and drawings);
  lines that end with a backslash and loops are one command;
- a snippet: a block of ``python``, or an indented one that begins with an import;
- a span of code in the text that begins with one of ``COMMANDS`` and has arguments.
"""
from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

COMMANDS = ('python', 'python3', 'pytest', 'pip', 'make', 'export', 'for', 'tools/', 'ln',
            'tensorboard', 'trtexec', 'docker', 'mkdocs', '.venv/bin/')
ASSIGNMENTS = r'(?:[A-Z_0-9]+=\S+ )*'
BEGINS_WITH_COMMAND = re.compile(
    ASSIGNMENTS + r'(?:' + '|'.join(
        re.escape(word) + ('' if word.endswith('/') else r'(?=\s)') for word in COMMANDS) + ')')
LOOP_END = re.compile(r'(?:^|;)\s*done\b', re.MULTILINE)
BEGINS_WITH_IMPORT = re.compile(r'(?:import|from) \w')
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
    found, prose = [], []
    for number, kind, lines in _blocks(page.read_text().splitlines()):
        if kind == 'prose':
            prose.append((number, lines[0]))
        elif kind == 'python' or (kind == 'block' and BEGINS_WITH_IMPORT.match(lines[0])):
            found.append(Step(number, 'python', '\n'.join(lines) + '\n'))
        elif kind == 'block' and BEGINS_WITH_COMMAND.match(lines[0]):
            found += _commands(number, lines)
    return sorted(found + _commands_in_text(prose), key=lambda step: step.line)


def _blocks(lines: list[str]) -> Iterator[tuple[int, str, list[str]]]:
    """(first line, ``'prose'``, ``'python'``, ``'block'`` or ``'other'``, lines without indent)."""
    position = 0
    while position < len(lines):
        start = position
        if lines[position].startswith('```'):
            language = lines[position][3:].strip()
            position += 1
            while not lines[position].startswith('```'):
                position += 1
            inside = lines[start + 1:position]
            position += 1
            kind = language if language == 'python' else (
                'block' if language in ('', 'bash', 'sh') else 'other')
            if inside:
                yield start + 2, kind, inside
        elif lines[position].startswith('    ') and (start == 0 or not lines[start - 1].strip()):
            while position < len(lines) and lines[position].startswith('    '):
                position += 1
            yield start + 1, 'block', [line[4:] for line in lines[start:position]]
        else:
            position += 1
            yield start + 1, 'prose', [lines[start]]


def _commands(first: int, lines: list[str]) -> list[Step]:
    """A block divided into whole commands; a loop ends with its last ``done``."""
    found, waiting, begun = [], [], first
    for number, line in enumerate(lines, start=first):
        if not waiting:
            begun = number
        waiting.append(line)
        text = '\n'.join(waiting)
        loops = len(re.findall(r'\bfor \w+ in\b', text)) - len(re.findall(LOOP_END, text))
        if loops == 0 and not line.endswith('\\'):
            if text.strip() and not text.lstrip().startswith('#'):
                found.append(Step(begun, 'shell', text))
            waiting = []
    assert not waiting, f'the command that begins in line {begun} has no end'
    return found


def _commands_in_text(prose: list[tuple[int, str]]) -> list[Step]:
    """Commands in spans of code, which may go on in the next line of the page."""
    text = '\n'.join(line for _, line in prose)
    numbers = [number for number, _ in prose]
    found = []
    for match in SPAN.finditer(text):
        command = ' '.join(match[1].split())
        if COMMAND_IN_TEXT.match(command) and '\n\n' not in match[1]:
            line = numbers[text.count('\n', 0, match.start())]
            found.append(Step(line, 'shell', command))
    return found
