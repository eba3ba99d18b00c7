"""Whether and when a failed attempt is repeated."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from howdah._model.duration import seconds_of
from howdah.errors import UsageError

# 2 ** 64 seconds are past every delay_max; a larger exponent could overflow a float.
_MAX_DOUBLINGS = 64
_MAX_LIMIT = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Retry:
    """How a task's failures are retried.

    The numbers are stored with each job when it is sent. `on` and `never` are classes, so they
    stay in code and belong on the task: a worker asks the task that it runs.

    Attributes:
        limit: How often a job is tried again after its first attempt has failed.
        delay: Time before the first retry; a timedelta or seconds.
        backoff: Whether the delay doubles with every further retry.
        delay_max: The longest delay, whatever the doubling says.
        jitter: The part of the delay that is left to chance, 0 to 1. With 0.5 a delay of 8 s is
            anything from 4 to 8 s, so that jobs that failed together do not come back together.
        on: Exceptions that are worth another attempt.
        never: Exceptions that are not, even where `on` names a parent of theirs.

    Raises:
        UsageError: A value is out of range.

    Example:
        >>> Retry(limit=5, delay=2, never=(ValueError,)).wants(ConnectionError())
        True
    """

    limit: int = 3
    delay: timedelta | float = 1.0
    backoff: bool = True
    delay_max: timedelta | float = 3600.0
    jitter: float = 0.5
    on: tuple[type[BaseException], ...] = (Exception,)
    never: tuple[type[BaseException], ...] = ()

    def __post_init__(self) -> None:
        if not _is_number(self.limit, int) or not 0 <= self.limit <= _MAX_LIMIT:
            raise UsageError(
                f"cannot use Retry(limit={self.limit!r}): it must be 0 or more retries"
            )
        if not isinstance(self.backoff, bool):
            raise UsageError(
                f"cannot use Retry(backoff={self.backoff!r}): it must be True or False"
            )
        if not _is_number(self.jitter, int | float) or not 0 <= self.jitter <= 1:
            raise UsageError(
                f"cannot use Retry(jitter={self.jitter!r}): it must lie between 0 and 1"
            )
        # In seconds, so that equal policies are equal however they were written.
        _set(self, "delay", seconds_of(self.delay, what="Retry delay"))
        _set(self, "delay_max", seconds_of(self.delay_max, what="Retry delay_max"))
        _set(self, "jitter", float(self.jitter))
        _set(self, "on", _classes(self.on, "on"))
        _set(self, "never", _classes(self.never, "never"))

    @property
    def has_rules(self) -> bool:
        """Whether it says which exceptions to retry, which cannot be stored with a job."""
        return self.on != (Exception,) or self.never != ()

    def wants(self, exception: BaseException) -> bool:
        """Tell whether an exception is worth another attempt; `limit` is not considered."""
        return isinstance(exception, self.on) and not isinstance(exception, self.never)

    def next_delay(self, attempt: int, *, random: float) -> float:
        """Seconds to wait after a failed attempt.

        The delay doubles from attempt to attempt up to `delay_max`, and a random part of it, at
        most `jitter`, is taken off: never later than said. With jitter 0.5 this is the "equal
        jitter" and with 1 the "full jitter" of Marc Brooker, "Exponential Backoff And Jitter",
        AWS Architecture Blog, 2015, which shows why it beats fixed delays under contention.

        Args:
            attempt: The number of the attempt that failed; the first is 1.
            random: A number from 0 up to 1, from whoever owns the randomness.
        """
        doublings = min(max(attempt - 1, 0), _MAX_DOUBLINGS) if self.backoff else 0
        delay = min(_seconds(self.delay) * 2.0**doublings, _seconds(self.delay_max))
        return delay * (1.0 - self.jitter * random)

    def to_mapping(self) -> dict[str, Any]:
        """The numbers, as they are stored with a job."""
        return {
            "limit": self.limit,
            "delay": self.delay,
            "backoff": self.backoff,
            "delay_max": self.delay_max,
            "jitter": self.jitter,
        }

    def with_stored(self, stored: Mapping[str, Any] | None) -> Retry:
        """Combine the numbers stored with a job and the exception rules of this policy.

        Args:
            stored: What `to_mapping` made, or part of it, as SQL senders write; what is absent
                is the built-in default.

        Raises:
            UsageError: A stored value is out of range.
        """
        known = {name: stored[name] for name in _STORED if name in stored} if stored else {}
        return Retry(**known, on=self.on, never=self.never)


_STORED = ("limit", "delay", "backoff", "delay_max", "jitter")


def _set(retry: Retry, name: str, value: object) -> None:
    object.__setattr__(retry, name, value)


def _seconds(duration: timedelta | float) -> float:
    return duration.total_seconds() if isinstance(duration, timedelta) else duration


def _is_number(value: object, kind: Any) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)


def _classes(value: object, what: str) -> tuple[type[BaseException], ...]:
    if isinstance(value, type):
        value = (value,)
    if isinstance(value, Iterable):
        classes = tuple(value)
        if all(isinstance(each, type) and issubclass(each, BaseException) for each in classes):
            return classes
    raise UsageError(f"cannot use Retry({what}={value!r}): it must be a tuple of exception classes")


BUILT_IN = Retry()
