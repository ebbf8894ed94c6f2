"""Create the environment: a virtual environment with the pinned stack and this project.

Steps that are done are not repeated, so an interrupted install goes on where it
stopped. Standard library only.
"""
from __future__ import annotations

import argparse
import configparser
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import threading
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / 'tools'), str(ROOT / 'projects')]

from installation import locks, mmcv_build  # noqa: E402
from installation.steps import Step, StepFailed, run_logged  # noqa: E402
from sparse3d.apis import system_packages  # noqa: E402

BUILD_TOOLS = ['setuptools', 'wheel', 'ninja', 'packaging', 'psutil']


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog='example:\n  python3.11 tools/install.py --venv .venv --device auto')
    parser.add_argument('--venv', type=Path, default=ROOT / '.venv', help='where to create it')
    parser.add_argument('--lock', type=Path, default=locks.default_lock(sys.version_info[:2]),
                        help='file with the versions to install; with one of NumPy 2 mmdet3d is '
                             'installed without the nuscenes-devkit (default: %(default)s)')
    parser.add_argument('--device', choices=('auto', 'cpu', 'cuda'), default='auto',
                        help='which builds to take; auto: cuda where an NVIDIA driver answers')
    parser.add_argument('--wheel-cache', type=Path, default=default_cache(),
                        help="where the compiled mmcv wheel is kept (default: %(default)s)")
    parser.add_argument('--plain-mmcv', action='store_true',
                        help="compile mmcv the way upstream does (6 to 8 minutes)")
    parser.add_argument('--skip-system-check', action='store_true',
                        help='do not look for system packages')
    return parser.parse_args()


def default_cache() -> Path:
    base = os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache'
    return Path(base) / 'sparse3d' / 'wheels'


def kernel_sources() -> str:
    folder = ROOT / 'projects' / 'sparse3d' / 'ops'
    files = [*sorted((folder / 'kernels').iterdir()), folder / 'kernel_places.py',
             folder / 'compile_kernels.py']
    return ''.join(path.read_text() for path in files)


class Installer:
    """The steps, in their order, for one environment and kind of device."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.venv = options.venv.absolute()
        self.python = str(self.venv / 'bin' / 'python')
        self.lock = options.lock.absolute()
        if not self.lock.is_file():
            raise StepFailed(f'the lock {self.lock} does not exist; there are '
                             f'{", ".join(row.lock for row in locks.ROWS if row.path.is_file())}')
        self.numpy_2 = locks.is_numpy_2(self.lock.read_text())
        self.cuda = options.device == 'cuda' or (
            options.device == 'auto' and system_packages.has_nvidia_gpu())
        self.mmcv_cuda = self.cuda and shutil.which('nvcc') is not None
        self.quick = not options.plain_mmcv and not self.mmcv_cuda
        self.cache = options.wheel_cache.absolute()
        self.state = self.venv / 'install-state'
        self._wheel_error: Exception | None = None

    # The steps ---------------------------------------------------------------

    def steps(self) -> list[Step]:
        pins = self.lock.read_text() + (ROOT / 'setup.cfg').read_text() + str(self.cuda)
        return [
            Step('torch: PyTorch and the build tools', pins, self._install_torch),
            Step("stack: mmcv's operators and the other packages", pins, self._install_stack),
            Step('sparse3d: this project', pins + str(ROOT), self._install_project),
            Step('kernels: sparse convolution, compiled for this processor',
                 pins + kernel_sources(), self._compile_kernels),
        ]

    def run(self) -> None:
        """Run what is not done yet, in order."""
        steps = self.steps()
        if (self.venv / 'bin' / 'python').exists() and all(s.done(self.state) for s in steps):
            return
        self._create_venv()
        redo = False
        for number, step in enumerate(steps, 1):
            redo = redo or not step.done(self.state)
            print(f'[{number}/{len(steps)}] {step.name}{"" if redo else ": already there"}',
                  flush=True)
            if redo:
                step.run(self.state)
        kind = 'CUDA' if self.cuda else 'CPU'
        print(f'{self.venv} is ready ({kind} builds). What works: make doctor')

    def _create_venv(self) -> None:
        if not (self.venv / 'bin' / 'pip').exists():
            print(f'creating {self.venv} (Python {sys.version.split()[0]})', flush=True)
            subprocess.run([sys.executable, '-m', 'venv', str(self.venv)], check=True)
        self.state.mkdir(exist_ok=True)

    def _install_torch(self, log: Path) -> None:
        self._pip(log, 'torch', '-c', str(self.lock), 'torch', 'numpy', *BUILD_TOOLS)

    def _install_stack(self, log: Path) -> None:
        """mmcv compiles while pip fetches the rest; the compiler and the network overlap."""
        thread = threading.Thread(target=self._try_mmcv_wheel, args=(log.with_suffix('.mmcv.log'),))
        thread.start()
        try:
            self._pip(log, 'packages', '-c', str(self.lock), *self._requirements())
        finally:
            thread.join()
        if self._wheel_error:
            raise self._wheel_error
        if self.numpy_2:
            self._pip(log, 'mmdet3d', '-c', str(self.lock), '--no-deps',
                      *locks.WITHOUT_ITS_NEEDS)
        self._pip(log, 'mmcv', '--no-deps', '--force-reinstall', str(self._mmcv_wheel()))
        # mmengine asks for opencv-python, nuscenes-devkit for the headless build of the same
        # module: the headless one, which needs no display libraries, has to be written last.
        self._pip(log, 'opencv', '-c', str(self.lock), '--no-deps', '--force-reinstall',
                  'opencv-python-headless')

    def _install_project(self, log: Path) -> None:
        # An environment from before the name changed; or the unrelated one of that name.
        run_logged([self.python, '-m', 'pip', 'uninstall', '-y', 'sparse3d'], log,
                   'pip: the old name')
        self._pip(log, 'sparse3d-perception', '--no-build-isolation', '--no-deps', '-e', str(ROOT))
        run_logged([self.python, '-c', 'import sparse3d.register, mmcv.ops'], log, 'first import')

    def _compile_kernels(self, log: Path) -> None:
        """Without a compiler everything works, in plain PyTorch; the line says which."""
        run_logged([self.python, '-m', 'sparse3d.ops.compile_kernels'], log, 'kernels: compile')
        print(f'    {log.read_text().strip().splitlines()[-1]}', flush=True)

    def _requirements(self) -> list[str]:
        """What setup.cfg asks for, without mmcv, for which there is no wheel."""
        metadata = configparser.ConfigParser()
        metadata.read(ROOT / 'setup.cfg')
        extras = metadata['options.extras_require']
        listed = [metadata['options']['install_requires'], extras['cuda' if self.cuda else 'cpu'],
                  extras['test'], extras['dev']]
        if 'moto' in locks.pins_of(self.lock.read_text()):
            listed.append(extras['store'])
        lines = [line.strip() for text in listed for line in text.splitlines()]
        names = [line for line in lines if line and not line.startswith('#')]
        # mmdet3d, mmdet and mmengine do not declare mmcv, so nothing pulls its sdist in.
        return locks.requirements_for(
            [name for name in names if not name.startswith('mmcv')], self.numpy_2)

    def _pip(self, log: Path, label: str, *arguments: str) -> None:
        run_logged([self.python, '-m', 'pip', 'install', '--disable-pip-version-check',
                    *arguments], log, f'pip: {label}')

    # mmcv --------------------------------------------------------------------

    def _try_mmcv_wheel(self, log: Path) -> None:
        try:
            self._make_mmcv_wheel(log)
        except Exception as error:  # handed to the main thread, which raises it
            self._wheel_error = error

    def _wheel_folder(self) -> Path:
        script = ('import sys, torch; print(f"cp{sys.version_info[0]}{sys.version_info[1]}", '
                  'torch.__version__)')
        found = subprocess.run([self.python, '-c', script], capture_output=True, text=True,
                               check=True).stdout.split()
        return mmcv_build.wheel_folder(self.cache, found[0], found[1], self.mmcv_cuda)

    def _mmcv_wheel(self) -> Path | None:
        return next(iter(sorted(self._wheel_folder().glob('mmcv-2.1.0-*.whl'))), None)

    def _make_mmcv_wheel(self, log: Path) -> None:
        if self._mmcv_wheel():
            print(f'    mmcv: wheel of an earlier build, {self._mmcv_wheel()}', flush=True)
            return
        if self.quick:
            try:
                return self._compile_mmcv(log, quick=True)
            except StepFailed as error:
                print(f'    {error}\n    compiling it the plain way (6 to 8 minutes)', flush=True)
        self._compile_mmcv(log, quick=False)

    def _compile_mmcv(self, log: Path, quick: bool) -> None:
        label = 'mmcv: compile' + (' in groups' if quick else '')
        with tempfile.TemporaryDirectory() as folder:
            work = Path(folder)
            run_logged([self.python, '-m', 'pip', 'download', '--no-deps', '--no-binary', 'mmcv',
                        '--no-build-isolation', '-d', folder, 'mmcv==2.1.0'], log, 'mmcv: source',
                       env=mmcv_build.with_exec_as_before(work, os.environ))
            with tarfile.open(work / 'mmcv-2.1.0.tar.gz') as archive:
                archive.extractall(work, **_safe_extraction())
            source = work / 'mmcv-2.1.0'
            if quick:
                mmcv_build.group_sources(source)
            environment = mmcv_build.with_exec_as_before(work, mmcv_build.build_environment(
                self.mmcv_cuda, quick, os.cpu_count() or 1))
            run_logged([self.python, 'setup.py', 'bdist_wheel', '-d', str(work / 'wheel')], log,
                       label, cwd=source, env=environment)
            self._keep(next((work / 'wheel').glob('*.whl')))

    def _keep(self, wheel: Path) -> None:
        folder = self._wheel_folder()
        folder.mkdir(parents=True, exist_ok=True)
        partial = folder / (wheel.name + '.partial')
        shutil.copyfile(wheel, partial)
        partial.rename(folder / wheel.name)


def _safe_extraction() -> dict:
    return {'filter': 'data'} if hasattr(tarfile, 'data_filter') else {}


def check_python() -> None:
    if not locks.OLDEST <= sys.version_info[:2] <= locks.NEWEST:
        raise StepFailed(f'Python {sys.version.split()[0]} is not supported: run with Python 3.10 '
                         'to 3.13, e.g. make PYTHON=python3.11')


def check_system(state: Path) -> None:
    """Install or name the system packages that are missing."""
    missing = system_packages.missing_packages()
    if missing and system_packages.may_install():
        names = ', '.join(package.name for package in missing)
        print(f'installing system packages: {names}', flush=True)
        state.mkdir(parents=True, exist_ok=True)
        try:
            for command in system_packages.apt_commands(missing):
                run_logged(command, state / 'apt.log', ' '.join(command[:2]))
        except StepFailed as error:
            print(error)
        missing = system_packages.missing_packages()
    if not missing:
        return
    line = system_packages.install_line(missing)
    for package in missing:
        print(f'missing: {package.name} ({package.purpose})')
    print(f'to install them paste:\n    {line}', flush=True)
    if any(package.essential for package in missing):
        raise StepFailed('system packages are missing: paste the line above, then run this again '
                         '(--skip-system-check goes on without them)')


def main() -> int:
    options = parse_arguments()
    try:
        check_python()
        installer = Installer(options)
        finished = all(step.done(installer.state) for step in installer.steps())
        if not finished and not options.skip_system_check:
            check_system(default_cache().parent)
        installer.run()
    except (StepFailed, subprocess.CalledProcessError, OSError) as error:
        print(f'install: {error}', file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print('\ninstall: interrupted; the same command goes on from here', file=sys.stderr)
        return 130
    return 0


if __name__ == '__main__':
    sys.exit(main())
