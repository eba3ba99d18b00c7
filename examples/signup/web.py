"""The web side: a page, a form, and a list that shows how each welcome mail is doing.

`uvicorn examples.signup.web:fastapi` serves it.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated
from uuid import UUID

from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.responses import FileResponse
from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from examples.signup.jobs import app, welcome
from examples.signup.models import User, connect, create_tables, jobs

PAGE = Path(__file__).with_name("page.html")


class SignUp(BaseModel):
    """What the form sends."""

    email: str = Field(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$", max_length=254)
    first_name: str = Field(min_length=1, max_length=100)


class SignedUp(SignUp):
    """A new user, and the job that will greet them.

    Attributes:
        committing_at: When the commit was about to begin, in seconds since the epoch.
    """

    job_id: UUID
    committing_at: float


class Listed(SignUp):
    """A user in the list, with the state of their welcome job, as long as that is kept."""

    state: str | None


@asynccontextmanager
async def lifespan(web: FastAPI) -> AsyncIterator[None]:
    engine = connect(app.database_url)
    await create_tables(engine)
    web.state.engine = engine
    yield
    await engine.dispose()


fastapi = FastAPI(title="Sign-up", lifespan=lifespan)


async def open_session(request: Request) -> AsyncIterator[AsyncSession]:
    async with AsyncSession(request.app.state.engine, expire_on_commit=False) as session:
        yield session


Session = Annotated[AsyncSession, Depends(open_session)]


@fastapi.get("/", include_in_schema=False)
async def page() -> FileResponse:
    """The form and the list."""
    return FileResponse(PAGE)


@fastapi.post("/signups", status_code=201)
async def sign_up(form: SignUp, session: Session) -> SignedUp:
    """Save a user and queue their welcome mail: both or neither."""
    try:
        async with session.begin():
            # The job goes first to show that it does not matter: when the address turns out to be
            # taken, the roll-back takes the job with it.
            job = await welcome.using(conn=session).send(form.email, first_name=form.first_name)
            session.add(User(email=form.email, first_name=form.first_name, job_id=job.id))
            await session.flush()
            committing_at = time.time()
    except IntegrityError:
        raise HTTPException(409, f"{form.email} has already signed up") from None
    return SignedUp(**form.model_dump(), job_id=job.id, committing_at=committing_at)


@fastapi.get("/signups")
async def list_sign_ups(session: Session) -> list[Listed]:
    """The newest hundred users, and whether their mail went out."""
    rows = await session.execute(
        select(User.email, User.first_name, jobs.c.state)
        .outerjoin(jobs, jobs.c.id == User.job_id)
        .order_by(User.id.desc())
        .limit(100)
    )
    return [Listed(email=email, first_name=name, state=state) for email, name, state in rows]
