"""The pages behind the links in messages: /preferences/{token}, /u/{token} (one-click) and /confirm/{token}."""

from typing import Any

from aws_lambda_powertools import Logger

from perennial.aws.wiring import pages
from perennial.pages import read_call

logger = Logger()


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    page = pages().answer(read_call(event))
    logger.info("page answered", route=event["routeKey"], status=page.status)
    return {"statusCode": page.status, "headers": page.headers, "body": page.html}
