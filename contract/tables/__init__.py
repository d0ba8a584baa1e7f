"""Tables of any dialect, read as they are: CSV, Excel and Parquet, row by row, in bounded memory."""
