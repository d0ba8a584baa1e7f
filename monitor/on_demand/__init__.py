"""The drift report of any window, made when somebody asks for it, from the topics and the version's reference."""
