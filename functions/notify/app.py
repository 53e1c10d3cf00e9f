"""Notices in (one SQS record is one notice), posts to the merchant's own systems out."""

from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from perennial.aws.wiring import notifier
from perennial.notifying import Delivery

logger = Logger()


def tell(record: SQSRecord) -> None:
    number = int(record.attributes.approximate_receive_count)
    logger.append_keys(delivery=number)  # template.yaml makes an alarm of it where a notice fails for long
    logger.info("notice", became=notifier().take(Delivery(record.body, record.receipt_handle, number)))


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: Any) -> Any:
    processor = BatchProcessor(EventType.SQS, raise_on_entire_batch_failure=False)
    answer = process_partial_response(event, tell, processor, context)
    failed = [str(error) for _, error, *_ in processor.exceptions]
    if failed:
        logger.error("notices failed", failed=failed)
    return answer
