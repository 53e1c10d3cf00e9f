"""POST /webhooks/{source}/{store} and POST /events/{store}: signed deliveries in, events on their lanes out."""

import json
from typing import Any

from aws_lambda_powertools import Logger

from perennial.aws.requests import read_request
from perennial.aws.wiring import ingest, settings

logger = Logger()


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    request = read_request(event, settings().PUBLIC_URL)
    reply = ingest().receive(request.source, request.store, request.headers, request.body)
    logger.info("webhook answered", status=reply.status, answer=reply.body)
    return {
        "statusCode": reply.status,
        "headers": {"content-type": "application/json"},
        "body": json.dumps(reply.body),
    }
