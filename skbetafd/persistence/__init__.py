"""Fitted classifiers as files: save, load, torch and ONNX export."""
