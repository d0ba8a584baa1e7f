"""What is on a stream's topics in each state that the page has to show, made by the monitor's own rules."""
