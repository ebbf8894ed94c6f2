"""`sparse3d doctor` of a source tree, also where nothing is installed yet."""
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / 'projects'))

from sparse3d_cli import tool  # noqa: E402

if __name__ == '__main__':
    sys.exit(tool('doctor'))
