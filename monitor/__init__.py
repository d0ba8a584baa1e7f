"""Join, panes, windows, metrics, drift, reports and alerts."""
