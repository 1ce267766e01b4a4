#!/usr/bin/env python3
"""Asks a device's digits model with Python's standard library, in binary: client.py [URL].

Numbers travel as they lie in memory, which is several times faster than JSON for pictures and sounds. Where the device asks
for a token, it is taken from the environment: TOKEN="$(ferry-agent token)".
"""
import array
import json
import os
import pathlib
import sys
import urllib.error
import urllib.request

url = sys.argv[1] if len(sys.argv) > 1 else "http://localhost:8080"
rows = json.loads((pathlib.Path(__file__).parent / "digit.json").read_text())["inputs"]["pixels"]
pixels = array.array("f", [value for row in rows for value in row]).tobytes()

# The JSON says what the bytes after it are; Inference-Header-Content-Length, where they begin.
tensor = {"name": "pixels", "datatype": "FP32", "shape": [len(rows), 64]}
tensor["parameters"] = {"binary_data_size": len(pixels)}
header = json.dumps({"inputs": [tensor], "parameters": {"binary_data_output": True}}).encode()
request = urllib.request.Request(url + "/v2/models/digits/infer", header + pixels)
request.add_header("Inference-Header-Content-Length", str(len(header)))
if "TOKEN" in os.environ:
    request.add_header("Authorization", "Bearer " + os.environ["TOKEN"])

try:
    with urllib.request.urlopen(request, timeout=30) as response:
        body = response.read()
        length = int(response.headers["Inference-Header-Content-Length"])
except urllib.error.HTTPError as error:
    sys.exit(f"{error.code}: {json.load(error)['error']}")

answer = json.loads(body[:length])
probabilities = array.array("f", body[length:])
best = max(range(len(probabilities)), key=probabilities.__getitem__)
print(f"{answer['model_name']} {answer['model_version']}: {best} ({probabilities[best]:.4f})")
