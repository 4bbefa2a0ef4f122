"""``python -m symdfi``: the command line."""

from symdfi.cli import main

if __name__ == "__main__":
    main()
