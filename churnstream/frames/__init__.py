"""What a stream's topics hold as pandas tables: windows, outcomes and alerts, with dates in UTC."""
