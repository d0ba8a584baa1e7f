"""The server of the page: who may see it, under which names, with what headers; its routes, and reports on demand."""
