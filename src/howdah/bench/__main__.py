"""`python -m howdah.bench drain`: the same as `howdah bench drain`."""

import sys

from howdah.cli.main import main

if __name__ == "__main__":
    sys.argv.insert(1, "bench")
    main()
