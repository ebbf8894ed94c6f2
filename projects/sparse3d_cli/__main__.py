"""`python -m sparse3d_cli VERB ...`."""
import sys

from sparse3d_cli import main

if __name__ == '__main__':
    sys.exit(main(command='python -m sparse3d_cli'))
