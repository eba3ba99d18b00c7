from __future__ import annotations

from decimal import Decimal
from uuid import UUID

import psycopg
import pytest

from howdah import Howdah, Task
from howdah.errors import UsageError
from howdah.testing import Testbed

ORDER = UUID("0190163d-8694-739b-aea5-966c26f8ad91")


@pytest.fixture
def welcome(howdah_app: Howdah) -> Task:
    @howdah_app.task(queue="mail")
    async def welcome(email: str, first_name: str = "friend") -> None: ...

    return welcome


async def test_a_job_is_found_by_some_of_its_arguments(howdah: Testbed, welcome: Task):
    await welcome.send("ann@example.com", first_name="Ann")

    howdah.assert_sent(welcome, email="ann@example.com")
    howdah.assert_sent(welcome, first_name="Ann", count=1)
    howdah.assert_sent("welcome")
    howdah.assert_not_sent(welcome, first_name="Bob")


async def test_a_job_that_has_run_was_sent_too(howdah: Testbed, welcome: Task):
    await welcome.send("ann@example.com")
    await howdah.drain()

    howdah.assert_sent(welcome, email="ann@example.com")


async def test_an_argument_left_out_has_its_default(howdah: Testbed, welcome: Task):
    await welcome.send("ann@example.com")

    howdah.assert_sent(welcome, first_name="friend")


async def test_values_are_compared_as_they_are_stored(howdah: Testbed, howdah_app: Howdah):
    @howdah_app.task
    async def bill(order: UUID, amount: Decimal) -> None: ...

    await bill.send(ORDER, Decimal("1.50"))

    howdah.assert_sent(bill, order=ORDER, amount=Decimal("1.50"))


async def test_a_failure_lists_what_was_sent(howdah: Testbed, welcome: Task):
    await welcome.send("bob@example.com", first_name="Bob")

    with pytest.raises(AssertionError) as told:
        howdah.assert_sent(welcome, email="ann@example.com")

    assert (
        "no job of task 'welcome' with email='ann@example.com' was sent; what was sent:\n"
        "  welcome(email='bob@example.com', first_name='Bob')  created, queue 'mail'"
    ) == str(told.value)


async def test_a_wrong_count_is_told(howdah: Testbed, welcome: Task):
    await welcome.send_many([("a@x.org",), ("b@x.org",)])

    with pytest.raises(AssertionError, match="expected 3 times a job of task 'welcome', and found"):
        howdah.assert_sent(welcome, count=3)


async def test_what_should_not_have_been_sent_is_told(howdah: Testbed, welcome: Task):
    await welcome.send("ann@example.com")

    with pytest.raises(AssertionError, match="expected no job of any task, and found 1"):
        howdah.assert_not_sent()


async def test_a_parameter_that_does_not_exist_is_no_reason_to_pass(howdah: Testbed, welcome: Task):
    with pytest.raises(UsageError, match="no parameter 'emial': did you mean 'email'"):
        howdah.assert_not_sent(welcome, emial="ann@example.com")


async def test_what_is_rolled_back_was_not_sent(howdah: Testbed, welcome: Task):
    async with await psycopg.AsyncConnection.connect(howdah.database_url) as conn:
        await welcome.using(conn=conn).send("ann@example.com")
        howdah.assert_not_sent(welcome)
        await conn.rollback()

    with pytest.raises(AssertionError, match="nothing was sent at all"):
        howdah.assert_sent(welcome)


async def test_jobs_are_listed_in_the_order_of_sending(howdah: Testbed, welcome: Task):
    for name in "abc":
        await welcome.send(f"{name}@x.org")

    assert ["a@x.org", "b@x.org", "c@x.org"] == [job.args["email"] for job in howdah.sent(welcome)]
