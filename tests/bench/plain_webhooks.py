"""The usual door, as the plain assembly would have it: Powertools' HTTP resolver, a signature, a model, a message."""

import json
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response, content_types
from aws_lambda_powertools.event_handler.exceptions import BadRequestError, UnauthorizedError
from aws_lambda_powertools.utilities.parameters import SecretsProvider
from pydantic import ValidationError
from standardwebhooks import Webhook, WebhookVerificationError

from perennial.domain.events import parse_event

logger = Logger(service="lifecycle")


class PlainDoor:
    def __init__(self, session: boto3.Session, secret_id: str, queue_url: str) -> None:
        self._secrets = SecretsProvider(boto3_session=session)
        self._secret_id = secret_id
        self._sqs = session.client("sqs")
        self._queue_url = queue_url
        self._app = APIGatewayHttpResolver()
        self._app.post("/events/<store>")(self._receive)
        self.handler = logger.inject_lambda_context(self._handler)
        """As the HTTP API calls it."""

    def _handler(self, event: dict[str, Any], context: Any) -> dict[str, Any]:
        return self._app.resolve(event, context)

    def _receive(self, store: str) -> Response[str]:
        body, headers = self._app.current_event.decoded_body or "", self._app.current_event.headers
        try:
            said = Webhook(self._secret_of(store)).verify(body, headers)
            event = parse_event(json.dumps({**said, "store": store}))
        except WebhookVerificationError as error:
            raise UnauthorizedError("the signature does not fit") from error
        except ValidationError as error:
            raise BadRequestError(f"{error.error_count()} fields do not fit") from error
        self._sqs.send_message(QueueUrl=self._queue_url, MessageBody=event.to_json())
        logger.info("webhook answered", type=event.type)
        return Response(200, content_types.APPLICATION_JSON, json.dumps({"accepted": 1}))

    def _secret_of(self, store: str) -> str:
        secrets = self._secrets.get(self._secret_id, max_age=300, transform="json")
        assert isinstance(secrets, dict)  # transformed
        return str(secrets[f"open/{store}"][0])
