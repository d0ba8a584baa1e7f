"""Windows on their way into MLflow."""
