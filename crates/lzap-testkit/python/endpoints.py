"""The hosts of Lambda and S3 in all regions of all partitions that botocore knows.

stdout: a JSON list of {"region", "lambda", "s3"}.
"""

import json
import sys
from urllib.parse import urlsplit

import boto3
from botocore.config import Config

SESSION = boto3.session.Session()


def host(service, region):
    # In us-east-1 botocore uses S3's old global host by default; the regional one is equivalent.
    config = Config(s3={"us_east_1_regional_endpoint": "regional"})
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    client = SESSION.client(service, region_name=region, config=config, **keys)
    return urlsplit(client.meta.endpoint_url).hostname


def main():
    regions = sorted(
        region
        for partition in SESSION.get_available_partitions()
        for region in SESSION.get_available_regions("lambda", partition_name=partition)
    )
    json.dump([{"region": region, "lambda": host("lambda", region), "s3": host("s3", region)} for region in regions], sys.stdout)


if __name__ == "__main__":
    main()
