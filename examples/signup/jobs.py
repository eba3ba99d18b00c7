"""What happens in the background: the welcome mail."""

from __future__ import annotations

import time

from examples.signup import mail
from howdah import Howdah, Retry

app = Howdah()


@app.task(queue="mail", retry=Retry(limit=5, delay=2, backoff=True), expire_in=60)
async def welcome(email: str, first_name: str) -> str:
    """Greet a new user, and return the address that was written to."""
    started_at = time.time()
    await mail.send(
        to=email,
        subject=f"Welcome, {first_name}!",
        body=f"Hello {first_name},\n\nyour account is ready.\n",
        # For the demo's table: how long after the commit the handler began.
        headers={"X-Started-At": repr(started_at)},
    )
    return email
