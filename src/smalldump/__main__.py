"""`python -m smalldump` is `smalldump`."""

from __future__ import annotations

from smalldump.cli.main import main

if __name__ == "__main__":
    main()
