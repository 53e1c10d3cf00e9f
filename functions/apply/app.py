"""Events of one lane in (one SQS record is one event), customers changed, actions out."""

from dataclasses import asdict
from typing import Any

from aws_lambda_powertools import Logger

from perennial.aws.wiring import clock, engine
from perennial.batch import read_batch

logger = Logger()


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    batch = read_batch(event["Records"])
    failed = batch.failures(engine().apply(batch.events, clock().now()))
    if failed:
        logger.error("events failed", failed=[asdict(each) for each in failed])
    return {"batchItemFailures": [{"itemIdentifier": failure.message} for failure in failed]}
