"""`howdah limits put` and `delete`."""

from __future__ import annotations

from typing import Annotated

import typer

from howdah._db import quota
from howdah._db.steps import walk
from howdah._model.limits import override_of
from howdah.cli.database import opened
from howdah.cli.limits.look import print_limits
from howdah.cli.options import AppOption, AsJson, Schema, Url
from howdah.cli.output import print_json, say, warn
from howdah.cli.target import find_target
from howdah.cli.words import seconds
from howdah.errors import UsageError

Name = Annotated[str, typer.Argument(metavar="NAME", help="The limit.")]


def put(
    name: Name,
    total: Annotated[int | None, typer.Option(help="At most so many jobs at once.")] = None,
    per_key: Annotated[int | None, typer.Option(help="At most so many of one key.")] = None,
    tier: Annotated[
        list[str] | None, typer.Option(help="For keys of a tier: `pro=10`. May be repeated.")
    ] = None,
    rate: Annotated[int | None, typer.Option(help="So many begin within --per.")] = None,
    per: Annotated[
        str | None, typer.Option(metavar="TIME", help="The rate's window, such as 90s, 10m.")
    ] = None,
    url: Url = None,
    schema: Schema = None,
    app: AppOption = None,
    as_json: AsJson = False,
) -> None:
    """Say something over what the code says of a limit; it is heard with the next claim.

    What is not said is as the code says: without options, what was said before is taken back.
    """
    tiers = dict(_tier(text) for text in tier) if tier else None
    said = override_of(name, total=total, per_key=per_key, tiers=tiers, rate=rate, per=seconds(per))
    with opened(find_target(url=url, schema=schema, app=app)) as database:
        print_limits([walk(quota.change(name, said), database.run)], as_json=as_json)
        if (doubt := walk(quota.doubt(name), database.run)) is not None:
            warn(doubt)


def delete(
    name: Name,
    url: Url = None,
    schema: Schema = None,
    app: AppOption = None,
    as_json: AsJson = False,
) -> None:
    """Forget a limit. Jobs that draw from it wait until it is known again."""
    with opened(find_target(url=url, schema=schema, app=app)) as database:
        walk(quota.forget(name), database.run)
    if as_json:
        print_json({"name": name, "deleted": True})
    else:
        say(f"limit {name} is forgotten")


def _tier(text: str) -> tuple[str, int]:
    tier, _, most = text.partition("=")
    if not tier or not most.isdigit():
        raise UsageError(f"cannot read --tier {text!r}: write it as `name=number`, such as pro=10")
    return tier, int(most)
