"""`python -m refilm` is `refilm`."""

from refilm.cli import main

if __name__ == "__main__":
    main()
