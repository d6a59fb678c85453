"""Calls AWS with boto3 and prints the answers, so that tests can read a cloud without lzap.

stdin:  {"endpoint": URL, "region": NAME, "key": [ID, SECRET], "calls": [[SERVICE, OPERATION, {PARAMETERS}], ...]}
stdout: a JSON list with, for each call, its answer or {"error": CODE, "status": HTTP STATUS}.

OPERATION is boto3's method name (`get_function`). Nothing is retried.
"""

import base64
import json
import sys

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError


def plain(value):
    """Converts dates, bytes and streams to text, since JSON has none of them."""
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return base64.b64encode(value).decode()
    return plain(value.read()) if hasattr(value, "read") else str(value)


def call(clients, request, service, operation, parameters):
    if service not in clients:
        clients[service] = boto3.client(
            service,
            endpoint_url=request["endpoint"],
            region_name=request["region"],
            aws_access_key_id=request["key"][0],
            aws_secret_access_key=request["key"][1],
            config=Config(retries={"max_attempts": 0}, s3={"addressing_style": "path"}),
        )
    try:
        answer = getattr(clients[service], operation)(**parameters)
    except ClientError as error:
        answer = error.response
        return {"error": answer["Error"]["Code"], "status": answer["ResponseMetadata"]["HTTPStatusCode"]}
    answer.pop("ResponseMetadata", None)
    return answer


def main():
    request = json.load(sys.stdin)
    clients = {}
    answers = [call(clients, request, *each) for each in request["calls"]]
    json.dump(answers, sys.stdout, default=plain)


if __name__ == "__main__":
    main()
