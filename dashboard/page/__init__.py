"""The page in the browser: NiceGUI draws the view model, and pushes what of it has changed."""
