"""The bucket of imports, on moto: uploads by a signed address, and what an import keeps."""

import urllib.parse
from collections.abc import Iterator

import boto3
import pytest
from moto import mock_aws

from perennial.aws.bucket import S3Bucket, import_of, upload_key


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Bucket]:
    for name, value in (("ACCESS_KEY_ID", "test"), ("SECRET_ACCESS_KEY", "test"), ("DEFAULT_REGION", "us-east-1")):
        monkeypatch.setenv(f"AWS_{name}", value)
    with mock_aws():
        client = boto3.client("s3")
        client.create_bucket(Bucket="imports")
        yield S3Bucket(client, "imports")


def test_an_upload_is_signed_for_its_own_place_and_for_half_an_hour(bucket: S3Bucket) -> None:
    url = urllib.parse.urlparse(bucket.upload_url("i-1"))

    query = urllib.parse.parse_qs(url.query)
    assert url.path.endswith("/uploads/i-1")
    assert "Signature" in query or "X-Amz-Signature" in query


def test_what_was_uploaded_is_read_from_its_start_as_often_as_asked(bucket: S3Bucket) -> None:
    bucket._client.put_object(Bucket="imports", Key=upload_key("i-1"), Body=b"Order\no1\n")

    assert [bucket.upload("i-1").read() for _ in range(2)] == [b"Order\no1\n"] * 2


def test_a_forgotten_upload_is_gone(bucket: S3Bucket) -> None:
    bucket._client.put_object(Bucket="imports", Key=upload_key("i-1"), Body=b"Order\n")

    bucket.forget_upload("i-1")

    assert "Contents" not in bucket._client.list_objects_v2(Bucket="imports")


def test_a_shelf_keeps_its_own_things(bucket: S3Bucket) -> None:
    shelf, other = bucket.shelf("i-1"), bucket.shelf("i-2")

    shelf.put("plan.json", b"{}")

    assert (shelf.get("plan.json"), other.get("plan.json")) == (b"{}", None)
    shelf.delete("plan.json")
    shelf.delete("plan.json")
    assert shelf.get("plan.json") is None


def test_whose_an_upload_is_stands_in_its_key() -> None:
    assert import_of(upload_key("i-1")) == "i-1"
    assert import_of("imports/i-1/plan.json") is None
