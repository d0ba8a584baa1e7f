"""Alerts on their way to people: each sink follows the topic ``alerts`` by itself, at least once and in order.

Begin with ``seam``: what a sink is, and what it can rely on.
"""
