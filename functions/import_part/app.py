"""Parts of imports (one SQS record is one part): their rows become events on the lane `bulk`."""

from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from perennial.aws.wiring import importer
from perennial.importing.importer import PartWanted

logger = Logger()


def load(record: SQSRecord) -> None:
    importer().load(PartWanted.model_validate_json(record.body))


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: Any) -> Any:
    processor = BatchProcessor(EventType.SQS, raise_on_entire_batch_failure=False)
    answer = process_partial_response(event, load, processor, context)
    failed = [getattr(error, "__name__", "unknown") for error, *_ in processor.exceptions]
    if failed:
        logger.error("parts not loaded", failed=failed)
    return answer
