"""The embedded AWS: ministack as a child process on loopback, and template.yaml deployed into it, unmodified.

    with running() as aws:
        stack = deploy(aws)
        put_webhook_secrets(stack, {"shopify/demo": ["current"]})
        ...  # stack.api is the base URL; token(stack) is the bearer token of a new member of staff

What a deploy does that CloudFormation would do alone, because ministack 1.5 leaves it out: routes of the HTTP API, the
table's time to live, and numbers that came as parameters. The dependencies layer travels empty: functions run in
ministack's own interpreter, which has the same packages (requirements-ministack.txt); to unpack 95 MB for each sandbox
would take minutes.
"""

import io
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import WaiterError

from infra.local import template
from infra.local.blueprint import Blueprint
from infra.local.signing import PUBLIC_URL

REGION = "eu-west-1"
ROOT_KEY = "test"
"""ministack's root: may do everything. Functions get keys of their own roles."""
BOOT_SECONDS = 30
STACK = "perennial"
BUCKET = "code"
PARAMETERS: Mapping[str, str] = {
    "BrandName": "Perennial Demo",
    "BrandAddress": "1 Example Street, 10115 Berlin, Germany",
    "ShopUrl": "https://shop.example.com",
    "PublicUrl": PUBLIC_URL,
    "EmailFrom": "Perennial Demo <hello@shop.example.com>",
    "EmailIdentity": "shop.example.com",
    "SmsOriginationIdentity": f"arn:aws:sms-voice:{REGION}:000000000000:phone-number/demo",
    "Protect": "false",
}
"""What a merchant would choose, for the demo store."""


class NotInstalled(Exception):
    """ministack's virtual environment is not there; `make stack` and `make test` make it."""


class DidNotStart(Exception):
    """ministack ended or did not answer in time; the message holds its last words."""


class DeployFailed(Exception):
    """CloudFormation refused the template; the message names each resource and why."""


@dataclass(frozen=True)
class Aws:
    """A running ministack."""

    endpoint: str

    def client(self, service: str) -> Any:
        """A boto3 client that may do everything."""
        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id=ROOT_KEY,
            aws_secret_access_key=ROOT_KEY,
            config=Config(proxies={}, retries={"total_max_attempts": 3, "mode": "standard"}),
        )


@dataclass(frozen=True)
class Deployed:
    """What came out of a deploy."""

    aws: Aws
    outputs: Mapping[str, str]
    resources: Mapping[str, str]
    """Logical id -> physical id."""

    @property
    def api(self) -> str:
        return f"{self.aws.endpoint}/_aws/execute-api/{self.outputs['ApiId']}/$default"


@contextmanager
def running(port: int | None = None) -> Iterator[Aws]:
    """ministack for as long as the block lasts; it also ends when this process ends in any other way."""
    port = port or _free_port()
    with (
        tempfile.TemporaryDirectory(prefix="perennial-aws-", ignore_cleanup_errors=True) as folder,
        (Path(folder) / "log").open("w+b") as log,
        _start(port, folder, log) as process,
    ):
        try:
            _wait_until_ready(process, port, log)
            yield Aws(f"http://127.0.0.1:{port}")
        finally:
            process.terminate()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _interpreter() -> Path:
    python = Path(os.environ.get("PERENNIAL_MINISTACK_PYTHON", template.ROOT / ".venv-ministack/bin/python"))
    if not python.exists():
        raise NotInstalled(f"no {python}: run `make stack` or `make test` once, or set PERENNIAL_MINISTACK_PYTHON")
    return python


def _start(port: int, folder: str, log: Any) -> subprocess.Popen[bytes]:
    front = Path(__file__).parent / "ministack_front" / "serve.py"
    return subprocess.Popen(
        [_interpreter(), front, str(port)],
        env=_environment(port, folder),
        stdin=subprocess.PIPE,
        stdout=log,
        stderr=log,
    )


def _environment(port: int, folder: str) -> dict[str, str]:
    """Little of ours, so that nobody's real credentials reach the functions; roles are enforced (AUTH)."""
    ours = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {
        **ours,
        "TMPDIR": folder,
        "STATE_DIR": folder,
        "AUTH": "true",
        "GATEWAY_PORT": str(port),
        "MINISTACK_HOST": "127.0.0.1",
        "MINISTACK_REGION": REGION,
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "LOG_LEVEL": "WARNING",
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "127.0.0.1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def _wait_until_ready(process: subprocess.Popen[bytes], port: int, log: Any) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + BOOT_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(OSError), opener.open(f"http://127.0.0.1:{port}/_ministack/health", timeout=1):
            return
        time.sleep(0.05)
    log.seek(0)
    raise DidNotStart(log.read().decode(errors="replace")[-2000:])


def deploy(aws: Aws, parameters: Mapping[str, str] = PARAMETERS) -> Deployed:
    """Package and deploy the template. Raises `DeployFailed`."""
    document = _package(aws)
    cloudformation = aws.client("cloudformation")
    cloudformation.create_stack(
        StackName=STACK,
        TemplateURL=_uploaded(aws, document),
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
    )
    _wait_until_deployed(cloudformation)
    stack = _stack(aws, cloudformation)
    _route(stack)
    _expire(stack)
    _limit_concurrency(stack)
    return stack


def _package(aws: Aws) -> template.Document:
    """What `sam package` does: each folder as a zip in S3, its address in the template."""
    s3 = aws.client("s3")
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    document = template.read()
    for name, properties, attribute in template.made_from(document):
        s3.put_object(Bucket=BUCKET, Key=f"{name}.zip", Body=_zip_of(name, template.ROOT / properties[attribute]))
        properties[attribute] = f"s3://{BUCKET}/{name}.zip"
    return document


def _uploaded(aws: Aws, document: template.Document) -> str:
    """Where CloudFormation finds the template: beyond 51,200 bytes it does not take it with the request."""
    aws.client("s3").put_object(Bucket=BUCKET, Key="template.json", Body=json.dumps(document).encode())
    return f"{aws.endpoint}/{BUCKET}/template.json"


def _zip_of(name: str, folder: Path) -> bytes:
    with tempfile.TemporaryDirectory() as built:
        if (folder / "Makefile").exists():
            make = ["make", "-s", "-f", str(folder / "Makefile"), f"build-{name}", f"ARTIFACTS_DIR={built}"]
            subprocess.run(make, check=True)
            folder = Path(built)
        return _zipped(folder)


def _zipped(folder: Path) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as zipped:
        for file in sorted(folder.rglob("*")):
            if file.is_file() and "__pycache__" not in file.parts:
                zipped.write(file, file.relative_to(folder))
    return archive.getvalue()


def _wait_until_deployed(cloudformation: Any) -> None:
    try:
        cloudformation.get_waiter("stack_create_complete").wait(
            StackName=STACK, WaiterConfig={"Delay": 1, "MaxAttempts": 120}
        )
    except WaiterError as error:
        events = cloudformation.describe_stack_events(StackName=STACK)["StackEvents"]
        failed = [each for each in reversed(events) if each["ResourceStatus"].endswith("FAILED")]
        reasons = (f"{each['LogicalResourceId']}: {each.get('ResourceStatusReason', 'no reason')}" for each in failed)
        raise DeployFailed("; ".join(reasons)) from error


def _stack(aws: Aws, cloudformation: Any) -> Deployed:
    described = cloudformation.describe_stacks(StackName=STACK)["Stacks"][0]
    resources = cloudformation.describe_stack_resources(StackName=STACK)["StackResources"]
    return Deployed(
        aws=aws,
        outputs={each["OutputKey"]: each["OutputValue"] for each in described["Outputs"]},
        resources={each["LogicalResourceId"]: each["PhysicalResourceId"] for each in resources},
    )


def _route(stack: Deployed) -> None:
    """Make the routes that the OpenAPI body of the HTTP API describes: ministack 1.5 does not read it."""
    gateway, api = stack.aws.client("apigatewayv2"), stack.outputs["ApiId"]
    authorizer = gateway.create_authorizer(
        ApiId=api,
        Name="Staff",
        AuthorizerType="JWT",
        IdentitySource=["$request.header.Authorization"],
        JwtConfiguration={"Issuer": stack.outputs["JwtIssuer"], "Audience": [stack.outputs["JwtAudience"]]},
    )["AuthorizerId"]
    for route in Blueprint(PARAMETERS).routes:
        integration = gateway.create_integration(
            ApiId=api,
            IntegrationType="AWS_PROXY",
            PayloadFormatVersion="2.0",
            IntegrationUri=_arn(stack, route.function),
        )["IntegrationId"]
        auth = {"AuthorizationType": "JWT", "AuthorizerId": authorizer} if route.authorized else {}
        key, target = f"{route.method} {route.path}", f"integrations/{integration}"
        gateway.create_route(ApiId=api, RouteKey=key, Target=target, **auth)


def _arn(stack: Deployed, function: str) -> str:
    name = stack.resources[function]
    arn: str = stack.aws.client("lambda").get_function_configuration(FunctionName=name)["FunctionArn"]
    return arn


def _expire(stack: Deployed) -> None:
    """Switch the table's time to live on: ministack 1.5 does not take it from the template."""
    table = template.read()["Resources"]["CustomersTable"]["Properties"]
    stack.aws.client("dynamodb").update_time_to_live(
        TableName=stack.outputs["TableName"], TimeToLiveSpecification=table["TimeToLiveSpecification"]
    )


def _limit_concurrency(stack: Deployed) -> None:
    """Say the concurrency of each lane again, as a number: ministack 1.5 keeps a Ref to a parameter as text."""
    functions = stack.aws.client("lambda")
    for each in functions.list_event_source_mappings()["EventSourceMappings"]:
        limit = int(each["ScalingConfig"]["MaximumConcurrency"])
        functions.update_event_source_mapping(UUID=each["UUID"], ScalingConfig={"MaximumConcurrency": limit})


def token(stack: Deployed, group: str = "admin") -> str:
    """Add a member of staff to the user pool, in this group, and sign in: a token for the admin API."""
    cognito, pool = stack.aws.client("cognito-idp"), stack.outputs["UserPoolId"]
    email, password = f"{group}-{secrets.token_hex(4)}@shop.example.com", f"Aa1!{secrets.token_hex(16)}"
    cognito.admin_create_user(UserPoolId=pool, Username=email, MessageAction="SUPPRESS")
    cognito.admin_set_user_password(UserPoolId=pool, Username=email, Password=password, Permanent=True)
    cognito.admin_add_user_to_group(UserPoolId=pool, Username=email, GroupName=group)
    signed_in = cognito.admin_initiate_auth(
        UserPoolId=pool,
        ClientId=stack.outputs["JwtAudience"],
        AuthFlow="ADMIN_USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": email, "PASSWORD": password},
    )
    issued: str = signed_in["AuthenticationResult"]["IdToken"]
    return issued


def put_webhook_secrets(stack: Deployed, of: Mapping[str, list[str]]) -> None:
    """What a merchant puts into Secrets Manager: {"shopify/demo": ["current", "previous"], ...}."""
    stack.aws.client("secretsmanager").put_secret_value(
        SecretId=stack.outputs["WebhookSecretsId"], SecretString=json.dumps(of)
    )


def main(arguments: list[str]) -> None:
    """Keep a deployed stack up until interrupted: `make stack`."""
    port = int(arguments[arguments.index("--port") + 1]) if "--port" in arguments else None
    print("Starting ministack and deploying template.yaml (a few seconds)", flush=True)
    with running(port) as aws:
        stack = deploy(aws)
        print(f"AWS_ENDPOINT_URL={aws.endpoint}  # region {REGION}, key and secret: {ROOT_KEY}")
        print(f"API={stack.api}")
        print(f"TOKEN={token(stack)}")
        print("Up until you press Ctrl-C.", flush=True)
        with suppress(KeyboardInterrupt):
            signal.pause()


if __name__ == "__main__":
    main(sys.argv[1:])
