"""`python -m services.serving.healthcheck ADDRESS`: exit status 0 where the server says SERVING. For containers."""

from __future__ import annotations

import sys

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from locutor.address import CHANNEL_OPTIONS, Address


def main() -> int:
    address = Address.parse(sys.argv[1] if len(sys.argv) > 1 else "tcp://127.0.0.1:50051")
    with grpc.insecure_channel(address.target, options=CHANNEL_OPTIONS) as channel:
        try:
            answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=5)
        except grpc.RpcError as error:
            print(f"no answer: {error.details()}", file=sys.stderr)  # type: ignore[attr-defined]
            return 1
    return 0 if answer.status == health_pb2.HealthCheckResponse.SERVING else 1


if __name__ == "__main__":
    sys.exit(main())
