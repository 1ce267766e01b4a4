#!/bin/sh
# Asks a device's digits model with curl: curl.sh [URL]. Where the device asks for a token: TOKEN="$(ferry-agent token)".
set -eu
url=${1:-http://localhost:8080}
here=$(dirname "$0")
auth="Authorization: Bearer ${TOKEN:-}"

# The shortest way: values by the names of the inputs. The answer has the labels beside the outputs.
curl -sS --fail-with-body -H "$auth" "$url/predict/digits" -d @"$here/digit.json"
echo

# Open Inference Protocol v2, with another way to say the same: datatype and shape stand in the request.
curl -sS --fail-with-body -H "$auth" "$url/v2/models/digits/infer" -d '{
  "id": "from-curl",
  "inputs": [{"name": "pixels", "datatype": "FP32", "shape": [1, 64], "data": [
    0, 0, 4, 15, 16, 11, 0, 0, 0, 0, 7, 9, 9, 16, 0, 0, 0, 0, 0, 0, 4, 13, 0, 0, 0, 0, 1, 9, 15, 16, 10, 0,
    0, 0, 13, 15, 16, 8, 2, 0, 0, 0, 3, 7, 13, 0, 0, 0, 0, 0, 1, 13, 4, 0, 0, 0, 0, 0, 6, 11, 0, 0, 0, 0]}],
  "outputs": [{"name": "probabilities", "parameters": {"classification": 3}}]
}'
echo
