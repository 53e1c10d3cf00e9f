"""What vendors only named in (one SQS record is one thing to ask for), events on their lanes out."""

from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from perennial.aws.wiring import fetcher
from perennial.fetching import Fetch

logger = Logger()


def fetch(record: SQSRecord) -> None:
    fetcher().fetch(Fetch.model_validate_json(record.body))


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: Any) -> Any:
    processor = BatchProcessor(EventType.SQS, raise_on_entire_batch_failure=False)
    answer = process_partial_response(event, fetch, processor, context)
    failed = [getattr(error, "__name__", "unknown") for error, *_ in processor.exceptions]
    if failed:
        logger.error("fetches failed", failed=failed)
    return answer
