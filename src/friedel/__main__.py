"""`python -m friedel` and the installed `friedel`: no traceback for an interrupt while things are imported."""

import sys
from typing import NoReturn


def main() -> NoReturn:
    """Entry point: `friedel.cli.main`, imported where an interrupt is caught."""
    try:
        from friedel.cli import main as command_line

        command_line()
    except KeyboardInterrupt:
        sys.stderr.write("friedel: interrupted\n")
        sys.exit(130)


if __name__ == "__main__":
    main()
