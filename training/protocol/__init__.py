"""The protocol of the student report, reproduced beside honest figures."""
