"""Which tests of the ordinary suite should notice a wrong line of a file."""
from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from mutant_list import REPOSITORY

NOT_ASKED = ('end_to_end', 'field', 'docs', 'benchmarks', 'support', 'tools', 'fixtures', 'tiny')
OF_RECIPES = ('tests/test_released_recipes.py', 'tests/docs/test_recipes.py',
              'tests/test_initial_weights.py')


def suite_of(file: str, root: Path = REPOSITORY) -> list[str]:
    """Test files, those that see the line most directly first.

    The one of the same name, those that import the module, the goldens of the plug-in that owns
    it or imports it; where there are none, the folder that mirrors the file's.

    Args:
        file: a source or config, relative to the repository.
    """
    if file.startswith('configs/'):
        return _of_config(file, root)
    module = file.removeprefix('projects/').removesuffix('.py').replace('/', '.')
    mirrored = Path('tests', *module.split('.')[:-1], f'test_{module.rpartition(".")[2]}.py')
    found = [mirrored.as_posix()] if (root / mirrored).is_file() else []
    found += [test for test, text in _tests(root).items() if _imports(text, module)]
    if not found:
        found = _nearest(mirrored.parent, root)
    for plugin in _plugins_of(module, root):
        found += sorted(path.relative_to(root).as_posix()
                        for path in (root / 'tests' / plugin).glob('test_golden*.py'))
    # Those of the whole house, whole training steps, come last.
    return sorted(dict.fromkeys(found), key=lambda test: test.count('/') == 1)


def _of_config(file: str, root: Path) -> list[str]:
    plugins = [folder.name for folder in (root / 'configs').iterdir()
               if (root / 'tests' / folder.name / 'test_configs.py').is_file()]
    name = Path(file).name
    users = [plugin for plugin in plugins if any(
        name in path.read_text() for path in (root / 'configs' / plugin).rglob('*.py'))]
    return [*OF_RECIPES, *(f'tests/{plugin}/test_configs.py' for plugin in users or plugins)]


@cache
def _tests(root: Path) -> dict[str, str]:
    paths = [path for path in sorted((root / 'tests').rglob('test_*.py'))
             if path.relative_to(root / 'tests').parts[0] not in NOT_ASKED]
    return {path.relative_to(root).as_posix(): path.read_text() for path in paths}


@cache
def _sources(root: Path) -> dict[str, list[str]]:
    """Texts of the plug-ins' files, by plug-in."""
    plugins = sorted(path.parent for path in (root / 'projects').glob('*/plugin.py'))
    return {folder.name: [path.read_text() for path in folder.glob('*.py')] for folder in plugins}


def _plugins_of(module: str, root: Path) -> list[str]:
    owner = module.partition('.')[0]
    if owner in _sources(root):
        return [owner]
    return [plugin for plugin, texts in _sources(root).items()
            if any(_imports(text, module) for text in texts)]


def _imports(text: str, module: str) -> bool:
    package, _, name = module.rpartition('.')
    return bool(re.search(rf'^\s*(from|import) {re.escape(module)}( |$)', text, re.M)
                or re.search(rf'^from {re.escape(package)} import .*\b{name}\b', text, re.M))


def _nearest(folder: Path, root: Path) -> list[str]:
    while folder != Path('tests'):
        found = sorted(path.relative_to(root).as_posix()
                       for path in (root / folder).rglob('test_*.py'))
        if found:
            return found
        folder = folder.parent
    return []
