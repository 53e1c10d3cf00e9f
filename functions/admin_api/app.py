"""The admin API: what people and the console ask. Routes and roles are in perennial/admin/api.py."""

from typing import Any

from aws_lambda_powertools import Logger

from perennial.admin.api import api

logger = Logger()


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: Any) -> Any:
    return api.resolve(event, context)
