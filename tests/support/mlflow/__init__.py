"""MLflow for tests: stores, servers, and what its REST API says."""
