"""Every quarter of an hour: a look at the sources and at quarantine; what it sees becomes metrics (template.yaml)."""

from dataclasses import asdict
from typing import Any

from aws_lambda_powertools import Logger

from perennial.aws.wiring import clock, watch

logger = Logger()


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    seen = asdict(watch().run(clock().now()))
    logger.info("watched", **seen)
    return seen
