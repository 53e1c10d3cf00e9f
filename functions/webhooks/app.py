"""POST /webhooks/{source}/{store} and POST /events/{store}: signed deliveries in, events on their lanes out."""

import json
from base64 import b64decode
from typing import Any

from aws_lambda_powertools import Logger

from perennial.aws.wiring import ingest

logger = Logger()


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    path, text = event["pathParameters"], event.get("body") or ""
    body = b64decode(text) if event.get("isBase64Encoded") else text.encode()
    reply = ingest().receive(path.get("source", "open"), path["store"], event["headers"], body)
    logger.info("webhook answered", status=reply.status, answer=reply.body)
    return {
        "statusCode": reply.status,
        "headers": {"content-type": "application/json"},
        "body": json.dumps(reply.body),
    }
