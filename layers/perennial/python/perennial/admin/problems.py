"""What the admin API says instead of an answer, after RFC 9457. A problem never repeats what it was asked.

Errors:
    Problem
    ├── Forbidden          403  the token's role is too low: ask an admin for a higher one
    ├── NotFound           404  there is no such thing, or not at that time
    ├── Outdated           412  the policy has another version by now: read it again, change that
    ├── Unanswerable       422  the request makes no sense: mend what `errors` names
    ├── Unconditional      428  a change without If-Match: read the policy, send its ETag along
    └── Unavailable        503  the table is busy: ask again in a moment
"""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated, Literal

from pydantic import Field

from perennial.domain.values import Model

MEDIA_TYPE = "application/problem+json"


class Fault(Model):
    """One thing that is wrong with a request."""

    where: Annotated[str, Field(description="query.limit, or the path in a policy: plays.3.do.email")]
    message: str
    line: Annotated[int | None, Field(description="Of the policy, counted from 1.")] = None


class ProblemBody(Model):
    """RFC 9457."""

    type: Literal["about:blank"] = "about:blank"
    title: str
    status: int
    detail: str | None = None
    errors: tuple[Fault, ...] = ()


class Problem(Exception):
    """Something the caller is told. Its message is our own words: it quotes no input."""

    status = HTTPStatus.INTERNAL_SERVER_ERROR

    def __init__(self, detail: str, errors: Sequence[Fault] = ()) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = tuple(errors)

    @property
    def body(self) -> ProblemBody:
        return ProblemBody(title=self.status.phrase, status=self.status, detail=self.detail, errors=self.errors)


class Forbidden(Problem):
    """The caller's role is too low."""

    status = HTTPStatus.FORBIDDEN


class NotFound(Problem):
    """There is no such thing, or there was none at that time."""

    status = HTTPStatus.NOT_FOUND


class Outdated(Problem):
    """The policy is no longer the version that the change was made to."""

    status = HTTPStatus.PRECONDITION_FAILED


class Unanswerable(Problem):
    """The request makes no sense."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY


class Unconditional(Problem):
    """A change that does not say what it changes."""

    status = HTTPStatus.PRECONDITION_REQUIRED


class Unavailable(Problem):
    """The table is busy."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
