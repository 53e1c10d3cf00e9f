"""Every minute: a timer event for each record whose time has come."""

from typing import Any

from aws_lambda_powertools import Logger

from perennial.aws.wiring import clock, sweep

logger = Logger()


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: Any) -> dict[str, int]:
    sent = sweep().run(clock().now())
    logger.info("sweep finished", timers=sent)
    return {"timers": sent}
