"""How lists travel to the database: each as one string, whatever the driver.

Drivers differ in how they pass arrays, and some spend more on it than the server does on the
statement. A string costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from uuid import UUID

from howdah.errors import UsageError

# Record separator. JSON text holds it only escaped, and so does nothing else sent with it.
RS = "\x1e"
# Unit separator: parts a list that stands in such a record.
US = "\x1f"


def array(values: Iterable[object]) -> str:
    """An array literal of values that need no quoting: uuids, numbers, booleans."""
    return "{" + ",".join(map(str, values)) + "}"


def records(values: Iterable[str | None]) -> str:
    """Texts joined for `string_to_array(..., RS, '')`, which reads an empty one as null."""
    return RS.join("" if value is None else value for value in values)


def job_id(given: UUID | str) -> str:
    """The id of a job as text.

    Raises:
        UsageError: It is none.
    """
    if isinstance(given, UUID):
        return str(given)
    try:
        return str(UUID(given))
    except (ValueError, TypeError, AttributeError):
        raise UsageError(f"cannot find job {given!r}: the id of a job is a UUID") from None


def moment(epoch: float | None) -> datetime | None:
    """A moment that the statement gave as seconds since 1970."""
    return None if epoch is None else datetime.fromtimestamp(epoch, UTC)
