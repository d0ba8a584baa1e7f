"""Evidently's drift reports, and the reference samples that they and the drift tests need."""
