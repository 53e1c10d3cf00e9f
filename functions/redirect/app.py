"""A button of an email was followed: /r/{token} leads to the page that the message meant."""

from typing import Any

from aws_lambda_powertools import Logger

from perennial.aws.wiring import redirects

logger = Logger()


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    method = event["requestContext"]["http"]["method"]
    answer = redirects().follow(event["pathParameters"]["token"], method, event["headers"])
    logger.info("button followed", status=answer.status)
    return {"statusCode": answer.status, "headers": answer.headers, "body": answer.body}
