"""Flows: what a step results in is checked where another call takes it."""

from __future__ import annotations

from typing import assert_type

from howdah import Context, Finished, Howdah, Job, Part, Step, SyncJob, chain, chord, group

app = Howdah()


@app.task
async def extract(year: int) -> list[str]:
    return [str(year)]


@app.task
def load(ctx: Context, rows: list[str], table: str = "sales") -> int:
    return len(rows)


@app.task
async def tell(count: int, *, to: str = "ann") -> str:
    return f"{count} {to}"


@app.task
async def merge(parts: list[list[str]]) -> int:
    return len(parts)


@app.task
async def report(parent: Finished[int]) -> str:
    return str(parent.result)


async def a_result_is_what_the_handler_returns() -> None:
    async with app.flow(on_failure="cancel") as flow:
        a = flow.add(extract.call(2024))
        assert_type(a, Step[list[str]])
        b = flow.add(load.call(a.result, table="t"), after=[a], on_failure="block")
        flow.add(merge.call([a.result, a.result]))
        flow.add(report.call(b.finished), on_failure="run")

        flow.add(tell.call(a.result))  # error
        flow.add(merge.call([b.result]))  # error
        flow.add(report.call(a.finished))  # error
        flow.add(report.call(b.result))  # error
        flow.add(extract.call("2024"))  # error
        flow.add(extract)  # error
        flow.add(tell.call(1), on_failure="stop")  # error
        flow.add(tell.call(1), after=["x"])  # error
    assert_type(flow.job(b), Job[int])
    assert_type(await flow.result(a), list[str])


def the_same_holds_without_await() -> None:
    with app.sync.flow() as flow:
        a = flow.add(extract.call(2024))
        flow.add(load.call(a.result))
        flow.add(tell.call(a.result))  # error
    assert_type(flow.job(a), SyncJob[list[str]])
    assert_type(flow.result(a), list[str])


async def chains_are_checked_link_by_link() -> None:
    async with app.flow() as flow:
        end = flow.add(chain(extract.call(2024), load, tell))
        assert_type(end, Part[str])
        assert_type(await flow.result(end), str)
        flow.add(chain(extract.call(2024), load.using(priority=3)))
        flow.add(chain(extract.call(2024), tell.call(3)))
        flow.add(chain(extract.call(2024), lambda rows: load.call(rows, table="t")))

        flow.add(chain(extract.call(2024), tell))  # error
        flow.add(chain(extract.call(2024), load, load))  # error
        flow.add(chain(extract, load))  # error


async def groups_result_in_lists() -> None:
    async with app.flow() as flow:
        both = flow.add(group(extract.call(1), extract.call(2)))
        assert_type(both, Part[list[list[str]]])
        flow.add(merge.call(both.result))
        end = flow.add(chord([extract.call(1), extract.call(2)], merge))
        assert_type(end, Part[int])
        flow.add(chain(group(extract.call(1), extract.call(2)), merge, tell))

        flow.add(chord([extract.call(1)], tell))  # error
        flow.add(chain(group(extract.call(1)), load))  # error
