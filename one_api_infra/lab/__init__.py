"""Disposable real hosts with a CA, DNS and payment gateways beside them."""
