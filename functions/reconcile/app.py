"""Every ten minutes: what shops told nobody is asked for and repaired."""

from dataclasses import asdict
from typing import Any

from aws_lambda_powertools import Logger

from perennial.aws.wiring import pulses, reconciler
from perennial.reconciling import SOURCE

logger = Logger()


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    report = reconciler().run(context.get_remaining_time_in_millis)
    logger.info("reconciled", source=SOURCE, **asdict(report))
    pulses().repaired(SOURCE, report.repaired_in)
    report.require_success()
    return asdict(report)
