"""The charts that share the axis of windows: metric, drift, flow, and one feature's history."""
