"""A sign-up service whose welcome mail can be neither lost nor sent to someone who is not there.

`howdah worker examples.signup:app` runs its jobs.
"""

from examples.signup.jobs import app

__all__ = ["app"]
