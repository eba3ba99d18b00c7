"""Options that several commands share, so that they read the same everywhere."""

from __future__ import annotations

from typing import Annotated

import typer

AppArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="MODULE:APP",
        help="Where the app is, such as `myapp.jobs:app`. Else HOWDAH_APP, or `app` under"
        " \\[tool.howdah] in pyproject.toml.",
        show_default=False,
    ),
]
AppOption = Annotated[
    str | None,
    typer.Option(
        "--app",
        metavar="MODULE:APP",
        help="Where the app is. Else HOWDAH_APP, or pyproject.toml.",
        rich_help_panel="Database",
        show_default=False,
    ),
]
Url = Annotated[
    str | None,
    typer.Option(
        "--url",
        metavar="URL",
        help="The database. Else HOWDAH_DATABASE_URL, pyproject.toml, or the one in ./.howdah.",
        rich_help_panel="Database",
        show_default=False,
    ),
]
Schema = Annotated[
    str | None,
    typer.Option(
        "--schema",
        metavar="NAME",
        help="The schema with the tables. Else the app's, HOWDAH_SCHEMA, or `howdah`.",
        rich_help_panel="Database",
        show_default=False,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say how many jobs it would take.")]
