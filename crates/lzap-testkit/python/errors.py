"""Lists the errors that AWS documents for operations, from botocore's copy of AWS's models.

stdin:  a JSON list of `service:Operation`, the service as in a signature's scope.
stdout: a JSON object with, for each operation, a list of {"code", "status"}.
"""

import json
import sys

from validate import model_named


def documented(operation):
    service, _, name = operation.partition(":")
    model = model_named({"apigateway": "apigatewayv2"}.get(service, service))
    # JSON 1.1 uses status 400 for every client error.
    return [
        {
            "code": shape.metadata.get("error", {}).get("code", shape.name),
            "status": shape.metadata.get("error", {}).get("httpStatusCode", 500 if shape.metadata.get("fault") else 400),
        }
        for shape in model.operation_model(name).error_shapes
    ]


if __name__ == "__main__":
    json.dump({each: documented(each) for each in json.load(sys.stdin)}, sys.stdout)
