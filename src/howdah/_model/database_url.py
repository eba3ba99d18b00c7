"""What may be said of where the database is.

Every way in (the app, the environment, `--url`) comes through here, so that what a driver would
answer with nonsense is refused with words, and what other libraries write is understood.
"""

from __future__ import annotations

import re

from howdah.errors import ConfigError

_SCHEME = re.compile(r"\s*([A-Za-z][\w.-]*)(\+[\w.-]*)?://")
_PASSWORD = re.compile(r"^(\s*(?:[\w.+-]+://)?[^:]*?:(?!//)).*@", re.DOTALL)
_PASSWORD_OPTION = re.compile(r"(password\s*=\s*)('[^']*'|[^&\s]*)", re.IGNORECASE)


def checked_url(said: str) -> str:
    """Return the URL as libpq reads it.

    What libpq calls a connection string, `host=db dbname=shop`, is one too. Of SQLAlchemy's form,
    `postgresql+psycopg://`, the driver is dropped: Howdah has its own.

    Raises:
        ConfigError: It does not lead to a Postgres.
    """
    found = _SCHEME.match(said)
    if found is None and "=" in said:
        return said
    if found is None or found[1].lower() not in ("postgresql", "postgres"):
        raise ConfigError(
            f"cannot use {without_password(said)!r} as the database: Howdah needs PostgreSQL, as"
            " in postgresql://user:password@host:5432/database"
        )
    return f"{found[1].lower()}://{said[found.end() :]}"


def without_password(said: str) -> str:
    """Return what was said of a database as it may be shown."""
    return _PASSWORD_OPTION.sub(r"\1***", _PASSWORD.sub(r"\1***@", said))
