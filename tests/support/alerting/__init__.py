"""What tests of the alert sinks share: receivers that count, and alerts on their topic."""
