"""Words that were left for the terms of the field do not come back as identifiers."""
from __future__ import annotations

import ast
import re
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ('projects', 'configs', 'tools', 'benchmarks', 'docs')
TABLE = 'renamed_names.py'  # the old names themselves, for checkpoints
WORDS = Path(__file__).with_name('words.toml')


def test_left_words_do_not_come_back():
    names, owned = read_words()
    found = uses(ROOT)
    assert not {word: found[word] for word in names if word in found}
    found = owned_uses(ROOT)
    assert not {word: found[word] for word in owned if word in found}


def test_a_left_word_would_be_seen(tmp_path):
    (tmp_path / 'tools').mkdir()
    (tmp_path / 'tools' / 'old_file.py').write_text(
        'class Old:\n    field: int\n    def method(self, argument): self.stored = argument\n'
        "call(keyword=1)\nconfig = dict(type='Head', key=dict(inner=2))\nx = {'entry': 3}\n"
        "options = ['model.head.dotted=4']\nparser.add_argument('--some-option')\nlocal = 1\n")
    assert {'old_file', 'Old', 'field', 'method', 'argument', 'stored', 'keyword', 'key', 'inner',
            'entry', 'dotted', 'some_option'} <= set(uses(tmp_path))
    assert 'local' not in uses(tmp_path)
    assert {'Old.field', 'method.argument', 'Head.key', 'key.inner', 'call.keyword',
            'head.dotted'} <= set(owned_uses(tmp_path))


def read_words() -> tuple[list[str], list[str]]:
    """The two lists of words.toml; Python 3.10 has no reader of TOML."""
    text = WORDS.read_text()
    return tuple(re.findall(r"'([^']+)'", re.search(rf'(?s)^{name} = \[(.*?)^\]', text, re.M)[1])
                 for name in ('names', 'owned'))


def uses(root: Path) -> dict[str, list[str]]:
    """Names of files, classes, functions, parameters, attributes, options and keys, and where."""
    found = defaultdict(list)
    for path, tree in _trees(root):
        found[path.stem].append(str(path))
        for name, line in _names(tree):
            found[name].append(f'{path}:{line}')
    return found


def owned_uses(root: Path) -> dict[str, list[str]]:
    """``Owner.name``: parameters of functions and classes, keys of dicts by parent or type."""
    found = defaultdict(list)
    for path, tree in _trees(root):
        for name, line in _owned(tree, '', ()):
            found[name].append(f'{path}:{line}')
    return found


def _trees(root: Path):
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob('*.py')):
            if path.name != TABLE:
                yield path.relative_to(root), ast.parse(path.read_text())


def _names(tree: ast.AST):
    for node in ast.walk(tree):
        line = getattr(node, 'lineno', 0)
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, line
        if isinstance(node, ast.ClassDef):
            for part in node.body:
                if isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name):
                    yield part.target.id, part.lineno
        elif isinstance(node, ast.arg):
            yield node.arg, line
        elif isinstance(node, ast.keyword) and node.arg:
            yield node.arg, line
        elif isinstance(node, ast.Attribute):
            yield node.attr, line
        elif isinstance(node, ast.Dict):
            for key in node.keys:
                if isinstance(key, ast.Constant) and isinstance(key.value, str):
                    yield key.value, line
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            if re.fullmatch(r'(model|\w+_dataloader|\w+_evaluator)(\.\w+)+(=.*)?', node.value):
                for part in node.value.partition('=')[0].split('.'):
                    yield part, line
            elif re.fullmatch(r'--[a-z][a-z0-9-]*', node.value):
                yield node.value.removeprefix('--').replace('-', '_'), line


def _owned(node: ast.AST, owner: str, path: tuple[str, ...]):
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef):
            for part in child.body:
                if isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name):
                    yield f'{child.name}.{part.target.id}', part.lineno
            yield from _owned(child, child.name, ())
            continue
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            for arg in [*child.args.posonlyargs, *child.args.args, *child.args.kwonlyargs]:
                yield f'{child.name}.{arg.arg}', arg.lineno
                if owner and child.name == '__init__':
                    yield f'{owner}.{arg.arg}', arg.lineno
                elif owner:
                    yield f'{owner}.{child.name}.{arg.arg}', arg.lineno
            yield from _owned(child, owner, ())
            continue
        if isinstance(child, ast.Assign) and isinstance(child.targets[0], ast.Name):
            yield from _owned_value(child.value, owner, (child.targets[0].id,))
            continue
        yield from _owned_value(child, owner, path)


def _owned_value(node: ast.AST, owner: str, path: tuple[str, ...]):
    if isinstance(node, ast.Call):
        name = getattr(node.func, 'attr', getattr(node.func, 'id', ''))
        is_dict = name == 'dict'
        kind = next((keyword.value.value for keyword in node.keywords if keyword.arg == 'type'
                     and isinstance(keyword.value, ast.Constant)), None) if is_dict else None
        yield from _owned(node.func, owner, ())
        for argument in node.args:
            yield from _owned_value(argument, owner, path)
        for keyword in node.keywords:
            if keyword.arg:
                line = keyword.lineno
                if not is_dict:
                    yield f'{name}.{keyword.arg}', line
                if kind:
                    yield f'{str(kind).rpartition(".")[2]}.{keyword.arg}', line
                for start in range(len(path)) if is_dict else ():
                    yield '.'.join((*path[start:], keyword.arg)), line
            inner = (*path, keyword.arg) if is_dict and keyword.arg else \
                (keyword.arg,) if keyword.arg else ()
            yield from _owned_value(keyword.value, owner, inner)
    elif isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values, strict=True):
            name = key.value if isinstance(key, ast.Constant) and isinstance(key.value, str) else ''
            for start in range(len(path)) if name else ():
                yield '.'.join((*path[start:], name)), node.lineno
            yield from _owned_value(value, owner, (*path, name) if name else path)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        if re.fullmatch(r'(model|\w+_dataloader|\w+_evaluator)(\.\w+)+(=.*)?', node.value):
            parts = node.value.partition('=')[0].split('.')
            for end in range(2, len(parts) + 1):
                for start in range(end - 1):
                    yield '.'.join(parts[start:end]), node.lineno
    else:
        yield from _owned(node, owner, path)
