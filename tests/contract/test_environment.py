"""All variables of a function have 4 KB together: what is more, Lambda refuses in the middle of a merchant's deploy."""

from collections.abc import Mapping
from typing import Any

import pytest

from infra.local import template

QUOTA = 4096
"""Bytes of names and values (Lambda quotas, "Environment variables")."""
STACK = "p" * 40
REGION, ACCOUNT = "ap-southeast-2", "123456789012"
CHOSEN: Mapping[str, str] = {
    "BrandName": "店" * 60,
    "BrandAddress": "店" * 300,
    "BrandLogoUrl": f"https://cdn.example.com/{'l' * 80}.png",
    "ShopUrl": f"https://{'s' * 60}.example.com",
    "PublicUrl": f"https://{'h' * 12}.example.com",
    "EmailFrom": f"{'店' * 40} <hello@shop.example.com>",
    "EmailReplyTo": "help@shop.example.com",
    "SmtpReturnPath": "bounces.shop.example.com",
    "SmsOriginationIdentity": f"arn:aws:sms-voice:{REGION}:{ACCOUNT}:phone-number/phone-{'0' * 32}",
}
"""As long as the template lets it be, or as it is seldom longer."""
WRITTEN = template.translated()
RESOURCES: Mapping[str, Any] = WRITTEN["Resources"]
FUNCTIONS = {name: each for name, each in RESOURCES.items() if each["Type"] == "AWS::Lambda::Function"}


def queue(name: str) -> str:
    named: str = RESOURCES[name]["Properties"]["QueueName"]["Fn::Sub"]
    return named.replace("${AWS::StackName}", STACK)


def value(said: Any) -> str:
    """What AWS makes of it."""
    match said:
        case {"Ref": str(name)} if name in WRITTEN["Parameters"]:
            return CHOSEN.get(name, str(WRITTEN["Parameters"][name].get("Default", "")))
        case {"Ref": str(name)} if RESOURCES[name]["Type"] == "AWS::SQS::Queue":
            return f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{queue(name)}"
        case {"Ref": str(name)}:
            return f"{STACK}-{name}-0123456789ab"
        case {"Fn::GetAtt": [str(name), "QueueName"]}:
            return queue(name)
        case {"Fn::GetAtt": [str(name), "Id"]}:
            return f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{name}-0123456789ab-abcdef"
        case {"Fn::GetAtt": [_, "ApiEndpoint"]}:
            return f"https://0123456789.execute-api.{REGION}.amazonaws.com"
        case {"Fn::Join": [str(between), list(parts)]}:
            return between.join(map(value, parts))
        case {"Fn::If": [_, then, otherwise]}:
            return max(value(then), value(otherwise), key=len)
        case _:
            return str(said)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_s_variables_fit_into_what_lambda_gives_them(name: str) -> None:
    variables = FUNCTIONS[name]["Properties"]["Environment"]["Variables"]

    assert sum(len(f"{key}{value(said)}".encode()) for key, said in variables.items()) <= QUOTA
