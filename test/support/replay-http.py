"""Sends recorded requests again, byte for byte, with Python's standard library alone: over one connection for as long as it is kept.

replay-http.py HOST PORT FOLDER: prints {name: {status, headers, body}}, the body in base64.
"""
import base64
import http.client
import json
import pathlib
import socket
import sys

host, port, folder = sys.argv[1:]
connection = None
answers = {}
for file in sorted(pathlib.Path(folder).glob("*.http")):
    request = file.read_bytes()
    connection = connection or socket.create_connection((host, int(port)), timeout=30)
    connection.sendall(request)
    response = http.client.HTTPResponse(connection, method=request.split(b" ", 1)[0].decode())
    response.begin()
    body = response.read()
    headers = {name.lower(): value for name, value in response.getheaders()}
    answers[file.stem] = {"status": response.status, "headers": headers, "body": base64.b64encode(body).decode()}
    if headers.get("connection") == "close":
        connection = None
print(json.dumps(answers))
