"""What a person sees who prints an app or a flow, and what an app says of names it has not."""

from __future__ import annotations

import pytest

from howdah import Howdah
from howdah.errors import UnknownTaskError


def shop() -> Howdah:
    app = Howdah("postgresql://ann:secret@db/shop")

    @app.task
    async def charge(order: int) -> None: ...

    @app.task
    async def deliver(order: int) -> None: ...

    return app


def test_an_app_names_its_schema_and_tasks_and_no_password() -> None:
    assert "<Howdah 'howdah', tasks: charge, deliver>" == repr(shop())


def test_a_flow_says_how_many_jobs_it_has() -> None:
    app = shop()
    flow = app.flow()

    flow.add(app.find_task("charge").call(1))

    assert f"<Flow {flow.id}, jobs: 1, not sent>" == repr(flow)


def test_the_tasks_there_are_are_listed_in_words() -> None:
    with pytest.raises(UnknownTaskError, match=r"'nosuch': there are 'charge', 'deliver'$"):
        shop().find_task("nosuch")
