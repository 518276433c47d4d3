"""The replicas of a service: found by name, watched, and called where there is room."""

from gateway.replicas.balancer import Balancer
from gateway.replicas.channel import BalancedChannel
from gateway.replicas.gate import Gate
from gateway.replicas.names import service_addresses
from gateway.replicas.replica import Link

__all__ = ["BalancedChannel", "Balancer", "Gate", "Link", "service_addresses"]
