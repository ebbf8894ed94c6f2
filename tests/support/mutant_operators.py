"""Wrong lines by rule: what may be changed in a file, and into what.

Each operator looks at one node of the syntax tree and says what its text could wrongly be. The
text around it stays, so that a mutant is one line of a file beside another.
"""
from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

AXIS_CALLS = {'sum', 'mean', 'amax', 'amin', 'argmax', 'argmin', 'max', 'min', 'cat', 'stack',
              'concatenate', 'unbind', 'flip', 'all', 'any', 'cumsum', 'softmax', 'prod', 'norm'}
AXIS_NAMES = {'dim', 'axis'}
CLAMPS = {'clamp', 'clamp_', 'clip', 'clamp_min'}
CASTS = {'float': '', 'double': '', 'long': '.int()'}
TYPES = {'float64': 'float32', 'int64': 'int32', 'float32': 'float16'}
BOUNDARIES = {ast.Lt: '<=', ast.LtE: '<', ast.Gt: '>=', ast.GtE: '>'}
IN_BRACKETS = ast.BinOp | ast.UnaryOp | ast.BoolOp | ast.Compare | ast.IfExp
OTHER_SIGN = {ast.Add: '-', ast.Sub: '+'}
SIGNS = {ast.Add: '+', ast.Sub: '-'}


@dataclass(frozen=True)
class Change:
    """One wrong text: rows count from 1, columns are those of the file's bytes.

    Attributes:
        operator: name of the rule.
        row, column, end_row, end_column: what is replaced.
        text: what stands there instead.
    """

    operator: str
    row: int
    column: int
    end_row: int
    end_column: int
    text: str


def changes(source: str, recipe: bool = False) -> list[Change]:
    """Everything that the operators would change in a file, in its order.

    Args:
        recipe: whether it is a config: there every number and switch may be wrong.
    """
    found = []
    lines = source.encode().splitlines(keepends=True)
    for node in _code(ast.parse(source)):
        for operator, text in _wrong(node, lines, recipe):
            found.append(Change(operator, node.lineno, node.col_offset, node.end_lineno,
                                node.end_col_offset, text))
    return sorted(set(found), key=lambda change: (change.row, change.column, change.operator,
                                                  change.text))


def changed(source: str, change: Change) -> str:
    """The file with one change."""
    lines = source.encode().splitlines(keepends=True)
    start, end = change.row - 1, change.end_row - 1
    before = b''.join(lines[:start]) + lines[start][:change.column]
    after = lines[end][change.end_column:] + b''.join(lines[end + 1:])
    return (before + change.text.encode() + after).decode()


def _code(node: ast.AST) -> Iterator[ast.expr]:
    """Expressions that compute something: no types, no messages, no docstrings."""
    if isinstance(node, ast.Raise | ast.JoinedStr | ast.Assert | ast.arg):
        return
    if isinstance(node, ast.expr):
        yield node
    for name, value in ast.iter_fields(node):
        if name in ('annotation', 'returns', 'decorator_list', 'bases'):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from _code(child)


def _wrong(node: ast.expr, lines: list[bytes], recipe: bool) -> Iterator[tuple[str, str]]:
    def text(part: ast.expr) -> str:
        rows = lines[part.lineno - 1:part.end_lineno]
        rows[-1] = rows[-1][:part.end_col_offset]
        rows[0] = rows[0][part.col_offset:]
        found = b''.join(rows).decode()
        return f'({found})' if isinstance(part, IN_BRACKETS) else found

    if isinstance(node, ast.BinOp):
        yield from _of_sums(node, text)
    elif isinstance(node, ast.UnaryOp):
        yield from _of_signs(node, text)
    elif isinstance(node, ast.Compare) and type(node.ops[0]) in BOUNDARIES:
        if len(node.ops) == 1:
            sign = BOUNDARIES[type(node.ops[0])]
            yield 'threshold boundary', f'{text(node.left)} {sign} {text(node.comparators[0])}'
    elif isinstance(node, ast.Subscript):
        yield from _of_places(node, text)
    elif isinstance(node, ast.Attribute) and node.attr in TYPES:
        yield 'dtype', f'{text(node.value)}.{TYPES[node.attr]}'
    elif isinstance(node, ast.Call):
        yield from _of_calls(node, text)
    elif recipe and isinstance(node, ast.Constant):
        yield from _of_settings(node)


def _of_sums(node: ast.BinOp, text) -> Iterator[tuple[str, str]]:
    left, right = text(node.left), text(node.right)
    if any(isinstance(part, ast.Constant | ast.JoinedStr) and not _is_number(part)
           for part in (node.left, node.right)):
        return  # text, not numbers
    if type(node.op) in OTHER_SIGN:
        yield 'sign', f'{left} {OTHER_SIGN[type(node.op)]} {right}'
        yield 'dropped term', left
        if _is_number(node.right) and node.right.value != 1:
            yield 'off by one', f'{left} {SIGNS[type(node.op)]} {node.right.value + 1}'
    elif isinstance(node.op, ast.Mult):
        yield 'dropped term', left


def _of_signs(node: ast.UnaryOp, text) -> Iterator[tuple[str, str]]:
    if isinstance(node.op, ast.USub):
        yield 'sign', f'+{text(node.operand)}'
    elif isinstance(node.op, ast.Invert | ast.Not):
        yield 'inverted mask', f'({text(node.operand)})'


def _of_places(node: ast.Subscript, text) -> Iterator[tuple[str, str]]:
    """A slice that ends one later; a column that is its neighbor."""
    places = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    whole, offset = text(node), len(text(node.value))
    for part in places:
        number = part.upper if isinstance(part, ast.Slice) else part
        if number is not None and _is_number(number) and isinstance(number.value, int):
            start = number.col_offset - node.col_offset
            if number.lineno == node.lineno == node.end_lineno and start >= offset:
                end = number.end_col_offset - node.col_offset
                yield 'off by one', f'{whole[:start]}{number.value + 1}{whole[end:]}'


def _of_calls(node: ast.Call, text) -> Iterator[tuple[str, str]]:
    function, arguments = node.func, node.args
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, 'id', '')
    method = isinstance(function, ast.Attribute) and text(function.value) not in ('torch', 'np')
    if name in CLAMPS and (method or arguments):
        yield 'clamp', text(function.value) if method else text(arguments[0])
    elif name == 'detach' and method:
        yield 'detach', text(function.value)
    elif name in CASTS and method and not arguments:
        yield 'dtype', f'{text(function.value)}{CASTS[name]}'
    elif name == 'where' and len(arguments) == 3:
        condition, first, second = map(text, arguments)
        yield 'inverted mask', f'{text(function)}({condition}, {second}, {first})'
    elif len(arguments) >= 2 and all(isinstance(part, ast.Name | ast.Attribute)
                                     for part in arguments[:2]) and (
            text(arguments[0]) != text(arguments[1])):
        swapped = [text(arguments[1]), text(arguments[0]), *map(text, arguments[2:]),
                   *(f'{item.arg}={text(item.value)}' if item.arg else f'**{text(item.value)}'
                     for item in node.keywords)]
        yield 'swapped arguments', f'{text(function)}({", ".join(swapped)})'
    if name in AXIS_CALLS and isinstance(function, ast.Attribute):
        yield from _of_axes(node, text)


def _of_axes(node: ast.Call, text) -> Iterator[tuple[str, str]]:
    whole, multiline = text(node), node.lineno != node.end_lineno
    given = [item.value for item in node.keywords if item.arg in AXIS_NAMES] + node.args[-1:]
    for part in given:
        number = part.operand if isinstance(part, ast.UnaryOp) else part
        if multiline or not _is_number(number) or not isinstance(number.value, int):
            continue
        start, end = (place - node.col_offset for place in (part.col_offset, part.end_col_offset))
        value = -number.value if number is not part else number.value
        other = {0: 1, -1: -2}.get(value, value - 1)
        yield 'axis', f'{whole[:start]}{other}{whole[end:]}'
        return


def _of_settings(node: ast.Constant) -> Iterator[tuple[str, str]]:
    if isinstance(node.value, bool):
        yield 'recipe', str(not node.value)
    elif isinstance(node.value, int):
        yield 'recipe', str(node.value + 1)
    elif isinstance(node.value, float):
        yield 'recipe', repr(node.value * 0.9)


def _is_number(node: ast.expr) -> bool:
    return (isinstance(node, ast.Constant) and isinstance(node.value, int | float)
            and not isinstance(node.value, bool))
