"""What every part does at the broker: clients, batches, transactions, topics, dead letters."""
