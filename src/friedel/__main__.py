"""`python -m friedel` is `friedel`."""

from friedel.cli import main

if __name__ == "__main__":
    main()
