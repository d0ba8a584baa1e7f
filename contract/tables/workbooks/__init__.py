"""Excel workbooks as tables, of both formats, within bounds."""
