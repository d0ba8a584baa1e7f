"""The page that tells the owner of a model how it is. A reader of the stream: it changes nothing and keeps no truth."""
