"""The bucket says that a file was uploaded (one SQS record is one notification): it is cut into parts."""

from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from perennial.aws.wiring import importer

logger = Logger()


def start(record: SQSRecord) -> None:
    importer().uploaded(record.body)


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: Any) -> Any:
    processor = BatchProcessor(EventType.SQS, raise_on_entire_batch_failure=False)
    answer = process_partial_response(event, start, processor, context)
    failed = [getattr(error, "__name__", "unknown") for error, *_ in processor.exceptions]
    if failed:
        logger.error("imports not started", failed=failed)
    return answer
