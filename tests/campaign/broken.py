"""What ends a run: a promise that does not hold."""


class Broken(BaseException):
    """A promise does not hold. Goes through all code that catches what it can."""

    def __init__(self, promise: str, what: str) -> None:
        super().__init__(f"{promise}: {what}")
        self.promise = promise
        self.what = what
