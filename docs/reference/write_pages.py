"""One page of reference for every package, written while mkdocs builds the site."""
from __future__ import annotations

from pathlib import Path

import mkdocs_gen_files

PROJECTS = Path(__file__).resolve().parents[2] / 'projects'


def main() -> None:
    navigation = mkdocs_gen_files.Nav()
    packages = sorted(path.parent for path in PROJECTS.rglob('__init__.py'))
    for package in packages:
        parts = package.relative_to(PROJECTS).parts
        modules = sorted(path for path in package.glob('*.py') if path.name != '__init__.py')
        if not modules:
            continue
        page = Path(*parts).with_suffix('.md')
        navigation[parts] = page.as_posix()
        with mkdocs_gen_files.open(Path('reference') / page, 'w') as file:
            file.write(f'# {".".join(parts)}\n\n')
            file.writelines(f'::: {".".join((*parts, module.stem))}\n\n' for module in modules)
    with mkdocs_gen_files.open('reference/SUMMARY.md', 'w') as file:
        file.writelines(navigation.build_literate_nav())


main()
