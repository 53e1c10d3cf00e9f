"""Serves ministack on loopback, inside ministack's own interpreter, for as long as the process that started it lives.

Our queues refuse requests that came without TLS. ministack's TLS breaks its own JWT authorizer (it fetches keys over
plain HTTP), so its app is told what a load balancer in front of it would tell: that TLS ended there.

Two questions that ministack 1.5 asks of a role otherwise than IAM does are put right, so that a role that suffices here
suffices there: SQS's batch calls need the permission of the single ones (there is no sqs:SendMessageBatch), and to send
an email is asked for on the identity it comes from, not on everything.

ministack 1.5 has no End User Messaging: an SMS is taken here, and goes nowhere.
"""

import asyncio
import json
import os
import sys
import threading
import uuid
from typing import Any

from hypercorn.asyncio import serve
from hypercorn.config import Config
from ministack.app import app
from ministack.core import iam_actions

SEND_SMS = b"PinpointSMSVoiceV2.SendTextMessage"

action_in_ministack, resource_in_ministack = iam_actions.extract_iam_action, iam_actions.extract_resource_arn


def action_in_iam(service: str, *request: Any) -> str | None:
    action: str | None = action_in_ministack(service, *request)
    return action.removesuffix("Batch") if action and service == "sqs" else action


def resource_in_iam(service: str, method: str, path: str, headers: Any, body: bytes, *rest: Any) -> str:
    if service == "ses" and path == "/v2/email/outbound-emails":
        domain = json.loads(body)["FromEmailAddress"].rpartition("@")[2].rstrip(">")
        _, region, account = rest
        return f"arn:aws:ses:{region}:{account}:identity/{domain}"
    return str(resource_in_ministack(service, method, path, headers, body, *rest))


async def behind_tls(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] != "http":
        await app(scope, receive, send)
    elif (b"x-amz-target", SEND_SMS) in scope["headers"]:
        await take_sms(send)
    else:
        await app({**scope, "scheme": "https"}, receive, send)


async def take_sms(send: Any) -> None:
    body = json.dumps({"MessageId": str(uuid.uuid4())}).encode()
    headers = [(b"content-type", b"application/x-amz-json-1.0"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def end_with_parent() -> None:
    """Standard input is a pipe that the parent holds: it closes when the parent ends, however it ends."""
    while os.read(sys.stdin.fileno(), 1):
        pass
    os._exit(0)


def main(port: int) -> None:
    iam_actions.extract_iam_action, iam_actions.extract_resource_arn = action_in_iam, resource_in_iam
    threading.Thread(target=end_with_parent, daemon=True).start()
    config = Config()
    config.bind = [f"127.0.0.1:{port}"]
    config.keep_alive_timeout = 75
    config.loglevel = "WARNING"
    asyncio.run(serve(behind_tls, config))


if __name__ == "__main__":
    main(int(sys.argv[1]))
