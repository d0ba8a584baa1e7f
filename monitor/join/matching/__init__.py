"""What a batch of messages does to what is kept: predictions and labels in columns, and what is rare one by one."""
