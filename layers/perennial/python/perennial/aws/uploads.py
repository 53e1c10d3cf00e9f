"""What lies in the bucket of imports, as somebody sees it who throws away what is not needed any more."""

from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

FOLDERS = ("uploads/", "imports/")


class Upload(NamedTuple):
    key: str
    import_id: str

    @property
    def is_report(self) -> bool:
        """Row numbers and reasons; it names nobody."""
        return self.key.rpartition("/")[2].startswith("report-")


class Uploads(Protocol):
    def all(self) -> Iterator[Upload]:
        """Every object of the bucket."""

    def remove(self, upload: Upload) -> None:
        """No error where it is gone."""


class S3Uploads:
    def __init__(self, client: Any, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def all(self) -> Iterator[Upload]:
        """As `Uploads.all`."""
        for folder in FOLDERS:
            for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=folder):
                keys = (each["Key"] for each in page.get("Contents", ()))
                yield from (Upload(key, key.removeprefix(folder).partition("/")[0]) for key in keys)

    def remove(self, upload: Upload) -> None:
        self._client.delete_object(Bucket=self._bucket, Key=upload.key)
