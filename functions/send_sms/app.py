"""SMS actions in (one SQS record is one action), at most one message each out."""

from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from perennial.aws.wiring import sms_outbox
from perennial.domain.actions import Action

logger = Logger()


def send(record: SQSRecord) -> None:
    sms_outbox().send(Action.model_validate_json(record.body))


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: Any) -> Any:
    processor = BatchProcessor(EventType.SQS, raise_on_entire_batch_failure=False)
    answer = process_partial_response(event, send, processor, context)
    failed = [getattr(error, "__name__", "unknown") for error, *_ in processor.exceptions]
    if failed:
        logger.error("SMS failed", failed=failed)
    return answer
