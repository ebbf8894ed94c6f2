"""The rules of the house that a program can check."""
from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PROJECTS = ROOT / 'projects'
PLUG_INS = sorted(path.parent.name for path in PROJECTS.glob('*/__init__.py')
                  if not path.parent.name.startswith('sparse3d'))
SOURCES = sorted(path.relative_to(ROOT) for folder in ('projects', 'benchmarks', 'tools')
                 for path in (ROOT / folder).rglob('*.py'))
NAMES_THAT_SAY_NOTHING = {'utils.py', 'util.py', 'misc.py', 'helpers.py', 'helper.py', 'common.py'}


def imported_packages(source: str) -> set[str]:
    """First part of every module name that is imported, inside functions as well."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names.update(alias.name.split('.')[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names.add(node.module.split('.')[0])
    return names


def forbidden_imports(path: Path, source: str) -> set[str]:
    """What the file at ``path`` (relative to the root) imports and must not."""
    parts = path.parts
    own = parts[1] if parts[0] == 'projects' and len(parts) > 2 else None
    others = {*PLUG_INS, 'sparse3d_benchmarks', 'sparse3d_cli'} - {own} if own else set()
    if own == 'sparse3d_cli':
        others -= {'sparse3d_benchmarks'}
    elif own in PLUG_INS and path.name == '__init__.py':  # says that `sparse3d` is not ours
        others -= {'sparse3d_cli'}
    elif path == Path('projects/sparse3d/__main__.py'):  # `python -m sparse3d` is the command line
        others -= {'sparse3d_cli'}
    return imported_packages(source) & (others | {'torchvision', 'tensorflow'})


def named_plug_ins(source: str) -> set[str]:
    """Plug-ins that the identifiers and the texts of a module name, docstrings left out."""
    names: set[str] = set()
    tree = ast.parse(source)
    documentation = {id(node.body[0].value) for node in ast.walk(tree)
                     if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and node.body
                     and isinstance(node.body[0], ast.Expr)}
    for node in ast.walk(tree):
        words = [value for _, value in ast.iter_fields(node) if isinstance(value, str)]
        if id(node) not in documentation:
            names.update(name for name in PLUG_INS for word in words
                         if name in re.sub(r'[\s_-]', '', word).lower())
    return names


def test_the_check_finds_a_plug_in_that_is_named():
    assert named_plug_ins('"""Of SparseBEV."""\ndef f():\n    """As DSVT."""') == set()
    assert named_plug_ins('x = "as Sparse-BEV does"') == {'sparsebev'}
    assert named_plug_ins('def draw_voxelkp(): pass') == {'voxelkp'}
    assert named_plug_ins('f(f"a {x} of DSVTs", voxelkp=1)') == {'dsvt', 'voxelkp'}


CORE = [path for path in SOURCES if path.parts[:2] == ('projects', 'sparse3d')]


@pytest.mark.parametrize('path', CORE, ids=str)
def test_the_core_names_no_plug_in(path):
    assert named_plug_ins((ROOT / path).read_text()) == set()


def test_the_core_has_no_old_names_of_a_plug_in():
    """Names of what plug-ins register stand in the plug-in's own table."""
    from sparse3d.checkpoints.renamed_names import RENAMES
    classes = {node.name for path in SOURCES if path.parts[:2] == ('projects', 'sparse3d')
               for node in ast.walk(ast.parse((ROOT / path).read_text()))
               if isinstance(node, ast.ClassDef)}
    named = {*RENAMES.types.values(), *(type_ for type_, _ in RENAMES.options_of_types)}
    assert named - classes == set()
    assert not (RENAMES.parameters or RENAMES.options or RENAMES.configs)


def test_the_check_finds_a_forbidden_import():
    core = Path('projects/sparse3d/ops/example.py')
    assert forbidden_imports(core, 'def f():\n    from focalsconv import x') == {'focalsconv'}
    assert forbidden_imports(core, 'import torchvision.ops') == {'torchvision'}
    assert forbidden_imports(core, 'import sparse3d_benchmarks.run') == {'sparse3d_benchmarks'}
    assert forbidden_imports(core, 'import torch, sparse3d.compat') == set()


@pytest.mark.parametrize('path', SOURCES, ids=str)
def test_a_plug_in_imports_the_core_and_never_another_plug_in(path):
    assert forbidden_imports(path, (ROOT / path).read_text()) == set()


@pytest.mark.parametrize('path', SOURCES, ids=str)
def test_files_are_short_and_named_after_their_idea(path):
    assert path.name not in NAMES_THAT_SAY_NOTHING
    assert len((ROOT / path).read_text().splitlines()) <= 500


def test_the_safe_loader_is_never_switched_off():
    tests = sorted(path.relative_to(ROOT) for path in (ROOT / 'tests').rglob('*.py'))
    unsafe = [str(path) for path in [*SOURCES, *tests] for node in ast.walk(ast.parse(
        (ROOT / path).read_text())) if isinstance(node, ast.keyword)
        and node.arg == 'weights_only' and getattr(node.value, 'value', None) is False]
    assert unsafe == []


# Calls that write or make something by a path's name; only atomic_files may.
WRITING = {'mkdir', 'makedirs', 'mkdir_or_exist', 'write_text', 'write_bytes', 'touch',
           'symlink_to', 'hardlink_to', 'copyfile', 'copy2', 'copytree', 'tofile', 'imwrite'}
# Write to what is given first (or second), which has to be an open stream or a buffer.
STREAMED = {'save': 1, 'savez': 0, 'savez_compressed': 0, 'savetxt': 0, 'savefig': 0, 'dump': 1}
STREAMS = {'stream', 'buffer', 'content', 'file'}
MODULES_THAT_WRITE = {'os', 'shutil', 'np', 'numpy', 'torch', 'pickle', 'json', 'mmengine', 'mmcv',
                      'cv2', 'plt', 'figure'}
MAY_WRITE = {
    'projects/sparse3d/atomic_files.py': 'is what all others go through',
    'projects/sparse3d/visualization/scene_3d.py': 'the null device, to silence a library',
    'projects/sparse3d/apis/compare.py': 'the log of a command that runs, to be read meanwhile',
    'tools/matrix.py': 'runs where nothing is installed; writes what git keeps',
    'tools/install.py': 'runs before anything is installed; a partial wheel has another name',
    'tools/installation/steps.py': 'runs before anything is installed; logs and stamps',
    'tools/installation/mmcv_build.py': 'in a temporary folder',
    'benchmarks/triton_kernels.py': 'in a temporary folder',
    'benchmarks/graph_process.py': 'a switch of Linux in /proc',
    'benchmarks/peak_memory.py': 'a mark of Linux in /proc',
}


def raw_writes(source: str) -> list[str]:
    """Calls of a module that make or write something without atomic_files."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, 'attr', getattr(node.func, 'id', ''))
        owner = getattr(getattr(node.func, 'value', None), 'id', '')
        if isinstance(node.func, ast.Name) and name != 'open':
            continue
        if name == 'open':
            texts = [part.value for part in [*node.args, *(keyword.value for keyword in
                                                          node.keywords)]
                     if isinstance(part, ast.Constant) and isinstance(part.value, str)]
            bad = any(re.fullmatch(r'[rwaxbt+]*[wax+][rwaxbt+]*', text) for text in texts)
        elif name in ('replace', 'copy', 'rename', 'move', 'symlink'):  # also of texts, dicts, ...
            bad = owner in ('os', 'shutil') or (name == 'rename' and len(node.args) == 1)
        elif name in STREAMED and owner in MODULES_THAT_WRITE:
            at = 0 if owner in ('np', 'numpy') else STREAMED[name]
            given = node.args[at:at + 1]
            bad = not (given and getattr(given[0], 'id', '') in STREAMS)
        else:
            bad = name in WRITING
        if bad:
            found.append(f'{name} in line {node.lineno}')
    return found


def test_the_check_finds_what_is_written_raw():
    for line in ("Path('a').mkdir()", "open(path, 'w')", "path.open(mode='ab')", 'np.save(path, x)',
                 'torch.save(x, path)', 'path.write_text(text)', 'os.replace(a, b)',
                 'shutil.copy(a, b)', 'points.tofile(path)', 'plt.savefig(path)'):
        assert raw_writes(line), line
    for line in ("open(path)", "open(path, 'rb')", 'torch.save(x, stream)', "a.replace('a', 'b')",
                 'replace(style, size=1)', 'points.copy()', 'np.savez(stream, a=1)',
                 'np.save(stream, x)'):
        assert not raw_writes(line), line


@pytest.mark.parametrize('path', SOURCES, ids=str)
def test_files_and_folders_are_made_by_atomic_files(path):
    """Whole or not at all, and one sentence where the system refuses."""
    found = raw_writes((ROOT / path).read_text())
    assert bool(found) == (str(path) in MAY_WRITE), found
