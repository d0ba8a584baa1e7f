"""What tests of metrics, rules and the dashboard for operators share."""
