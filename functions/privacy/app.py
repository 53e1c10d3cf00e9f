"""Requests of people about their data in (one SQS record is one `privacy.requested`), their data gone."""

from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from perennial.aws.wiring import clock, erasing
from perennial.domain.events import PrivacyRequested

logger = Logger()


def answer(record: SQSRecord) -> None:
    request = erasing().answer(PrivacyRequested.model_validate_json(record.body), clock().now())
    if request:
        logger.info("privacy request", id=request.id, request=request.request, state=request.state)


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: Any) -> Any:
    processor = BatchProcessor(EventType.SQS, raise_on_entire_batch_failure=False)
    answered = process_partial_response(event, answer, processor, context)
    failed = [getattr(error, "__name__", "unknown") for error, *_ in processor.exceptions]
    if failed:
        logger.error("privacy requests failed", failed=failed)
    return answered
