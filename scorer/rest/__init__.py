"""The REST service: requests checked, scored and answered; predictions and labels sent the stream's way."""
