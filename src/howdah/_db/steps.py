"""Work of several queries, written once for code that awaits and code that does not.

Steps are a generator: it yields each query and is sent the answer, or thrown the error.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from typing import Any, TypeVar

from howdah._db.query import Query
from howdah.errors import HowdahError

T = TypeVar("T")

Steps = Generator[Query[Any], Any, T]


def walk(steps: Steps[T], run: Callable[[Query[Any]], Any]) -> T:
    """Go through the steps, and return what they return."""
    try:
        query = next(steps)
        while True:
            try:
                answer = run(query)
            except HowdahError as error:
                query = steps.throw(error)
            else:
                query = steps.send(answer)
    except StopIteration as end:
        result: T = end.value
        return result


async def walk_async(steps: Steps[T], run: Callable[[Query[Any]], Awaitable[Any]]) -> T:
    """Go through the steps on an event loop, and return what they return."""
    try:
        query = next(steps)
        while True:
            try:
                answer = await run(query)
            except HowdahError as error:
                query = steps.throw(error)
            else:
                query = steps.send(answer)
    except StopIteration as end:
        result: T = end.value
        return result
