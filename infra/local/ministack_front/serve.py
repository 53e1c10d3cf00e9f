"""Serves ministack on loopback, inside ministack's own interpreter, for as long as the process that started it lives.

Our queues refuse requests that came without TLS. ministack's TLS breaks its own JWT authorizer (it fetches keys over
plain HTTP), so its app is told what a load balancer in front of it would tell: that TLS ended there.

In IAM the batch calls of SQS need the permission of the single ones (sqs:SendMessage also allows SendMessageBatch);
ministack 1.5 asks for sqs:SendMessageBatch, which AWS does not know. So it is told the name that AWS asks for.
"""

import asyncio
import os
import sys
import threading
from typing import Any

from hypercorn.asyncio import serve
from hypercorn.config import Config
from ministack.app import app
from ministack.core import iam_actions

action_as_ministack_has_it = iam_actions.extract_iam_action


def action_as_aws_has_it(service: str, *request: Any) -> str | None:
    action: str | None = action_as_ministack_has_it(service, *request)
    return action.removesuffix("Batch") if action and service == "sqs" else action


async def behind_tls(scope: Any, receive: Any, send: Any) -> None:
    await app({**scope, "scheme": "https"} if scope["type"] == "http" else scope, receive, send)


def end_with_parent() -> None:
    """Standard input is a pipe that the parent holds: it closes when the parent ends, however it ends."""
    while os.read(sys.stdin.fileno(), 1):
        pass
    os._exit(0)


def main(port: int) -> None:
    iam_actions.extract_iam_action = action_as_aws_has_it
    threading.Thread(target=end_with_parent, daemon=True).start()
    config = Config()
    config.bind = [f"127.0.0.1:{port}"]
    config.keep_alive_timeout = 75
    config.loglevel = "WARNING"
    asyncio.run(serve(behind_tls, config))


if __name__ == "__main__":
    main(int(sys.argv[1]))
