"""What every process of ours is made of: its start and end, clock, heartbeat, outages and flags."""
