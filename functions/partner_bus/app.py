"""What Shopify's partner bus puts on its queue (one SQS record is one delivery), events on their lanes out."""

from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from perennial.aws.wiring import partner_bus

logger = Logger()


def take(record: SQSRecord) -> None:
    logger.info("taken from the bus", answer=partner_bus().take(record.body).body)


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: Any) -> Any:
    processor = BatchProcessor(EventType.SQS, raise_on_entire_batch_failure=False)
    answer = process_partial_response(event, take, processor, context)
    failed = [getattr(error, "__name__", "unknown") for error, *_ in processor.exceptions]
    if failed:
        logger.error("deliveries failed", failed=failed)
    return answer
