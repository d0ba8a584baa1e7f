"""How customers are divided: those that training learns from, and those held out."""
