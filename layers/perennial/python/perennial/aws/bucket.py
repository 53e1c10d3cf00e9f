"""The bucket of imports: uploads come in by a signed address, parts and reports stand beside them until they expire.

Keys: `uploads/<import id>` is the merchant's file, `imports/<import id>/<name>` what an import keeps while it runs.
Both are people's data: the bucket is private, encrypted, and forgets by itself (template.yaml).
"""

from datetime import timedelta
from typing import Any, BinaryIO, Protocol

from botocore.exceptions import ClientError

from perennial.importing.shelf import Shelf

UPLOAD_WITHIN = timedelta(minutes=30)
"""So long the signed address can be used: a large file must have begun by then."""
UPLOADS = "uploads/"


class NoBucket(Exception):
    """This house has none: import with `make import`."""


class Bucket(Protocol):
    def upload_url(self, import_id: str) -> str:
        """Where the file is to be PUT, within `UPLOAD_WITHIN`. Raises `NoBucket`."""

    def upload(self, import_id: str) -> BinaryIO:
        """The uploaded file, from its start."""

    def forget_upload(self, import_id: str) -> None:
        """Its rows are in parts: nobody needs it any more."""

    def shelf(self, import_id: str) -> Shelf:
        """What this import keeps."""


class S3Bucket:
    def __init__(self, client: Any, name: str) -> None:
        self._client = client
        self._name = name

    def upload_url(self, import_id: str) -> str:
        where = {"Bucket": self._name, "Key": upload_key(import_id)}
        seconds = int(UPLOAD_WITHIN.total_seconds())
        return str(self._client.generate_presigned_url("put_object", Params=where, ExpiresIn=seconds))

    def upload(self, import_id: str) -> BinaryIO:
        body: BinaryIO = self._client.get_object(Bucket=self._name, Key=upload_key(import_id))["Body"]
        return body

    def forget_upload(self, import_id: str) -> None:
        self._client.delete_object(Bucket=self._name, Key=upload_key(import_id))

    def shelf(self, import_id: str) -> Shelf:
        return _S3Shelf(self._client, self._name, f"imports/{import_id}/")


class _S3Shelf:
    def __init__(self, client: Any, bucket: str, prefix: str) -> None:
        self._client = client
        self._bucket = bucket
        self._prefix = prefix

    def put(self, name: str, content: bytes) -> None:
        self._client.put_object(Bucket=self._bucket, Key=self._prefix + name, Body=content)

    def get(self, name: str) -> bytes | None:
        try:
            reply = self._client.get_object(Bucket=self._bucket, Key=self._prefix + name)
        except ClientError as error:
            if error.response["Error"]["Code"] in ("NoSuchKey", "404"):
                return None
            raise
        content: bytes = reply["Body"].read()
        return content

    def delete(self, name: str) -> None:
        self._client.delete_object(Bucket=self._bucket, Key=self._prefix + name)


def upload_key(import_id: str) -> str:
    return UPLOADS + import_id


def import_of(key: str) -> str | None:
    """Whose upload this is; None for a key that is none."""
    return key.removeprefix(UPLOADS) if key.startswith(UPLOADS) else None
