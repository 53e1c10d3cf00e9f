"""Reads template.yaml: as written, with long-form functions, and as CloudFormation gets it, without SAM."""

import functools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from boto3 import Session
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

ROOT = Path(__file__).parents[2]
FILE = ROOT / "template.yaml"

Document = dict[str, Any]
CODE_PROPERTIES: Mapping[str, str] = {
    "AWS::Serverless::Function": "CodeUri",
    "AWS::Serverless::LayerVersion": "ContentUri",
}
"""Where a resource names the folder that it is made from; `sam package` puts an S3 address in its place."""


def read() -> Document:
    """The template as written, `!Ref x` as {"Ref": "x"} and so on."""
    document: Document = yaml_parse(FILE.read_text(encoding="utf-8"))
    return document


def made_from(document: Document) -> Iterator[tuple[str, Document, str]]:
    """(logical id, its properties, the property that names its folder), for all that is made from a folder."""
    for name, resource in document["Resources"].items():
        if attribute := CODE_PROPERTIES.get(resource["Type"]):
            yield name, resource["Properties"], attribute


def packaged(address: str = "s3://code/{name}.zip") -> Document:
    """The template with an address in S3 for each folder, as `sam package` leaves it."""
    document = read()
    for name, properties, attribute in made_from(document):
        properties[attribute] = address.format(name=name)
    return document


@functools.cache
def translated(region: str = "eu-west-1") -> Document:
    """What CloudFormation makes of it: plain resources, the HTTP API as an OpenAPI body. Shared: do not change it."""
    translator = Translator({}, Parser(), boto_session=Session(region_name=region))
    document: Document = translator.translate(packaged(), {})
    return document
