"""`python -m howdah` is `howdah`."""

from howdah.cli.main import main

if __name__ == "__main__":
    main()
