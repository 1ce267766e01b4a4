# Sourced by the tests of packages and containers: a controller on this machine's loopback, from the executable of this machine,
# and what a person does with it. Expects `dist` and `work`, a folder that is thrown away.
# Bounds: nothing is waited for longer than wait_seconds_max.

case $(uname -m) in
  x86_64) here=x64 ;;
  aarch64) here=arm64 ;;
  *) echo "Packages are tested on x64 and arm64." >&2 && exit 2 ;;
esac
ferry_program=$dist/linux-$here/ferry/ferry
# An emulated agent takes half a minute to load its first model; on a busy machine everything takes longer.
wait_seconds_max=90

passed=0
failed=0
skipped=0

say() { printf '%s\n' "$*" >&2; }

# check "what must hold" COMMAND…: counts, and goes on.
check() {
  local what=$1
  shift
  if "$@" >"$work/check.log" 2>&1; then
    passed=$((passed + 1))
    say "ok      $what"
  else
    failed=$((failed + 1))
    say "FAILED  $what"
    tail -n 20 "$work/check.log" | sed 's/^/        /' >&2
  fi
}

skip() {
  skipped=$((skipped + 1))
  say "skipped $1: $2"
}

end_with_counts() {
  say ""
  printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
  [ "$failed" = 0 ]
}

# wait_until "what" COMMAND…: once a second.
wait_until() {
  local what=$1 seconds
  shift
  for ((seconds = 0; seconds < wait_seconds_max; seconds++)); do
    if "$@" >/dev/null 2>&1; then return 0; fi
    sleep 1
  done
  echo "Still not so after $wait_seconds_max s: $what" >&2
  return 1
}

# json FIELD: of the JSON on standard input.
json() {
  node -e 'let text = ""; process.stdin.on("data", (part) => (text += part)).on("end", () => console.log(process.argv[1].split(".").reduce((value, name) => value?.[name], JSON.parse(text)) ?? ""))' "$1"
}

free_ports() {
  node -e '
    const { createServer } = require("node:net");
    const servers = Array.from({ length: Number(process.argv[1]) }, () => createServer().listen(0, "127.0.0.1"));
    setTimeout(() => { console.log(servers.map((server) => server.address().port).join(" ")); process.exit(); }, 100);
  ' "$1"
}

ferry() { "$ferry_program" "$@"; }

# Sets FERRY_HOME, FERRY_CONTROLLER, root_pin, controller_pid.
start_controller() {
  local http_port mqtt_port enrol_port
  read -r http_port mqtt_port enrol_port < <(free_ports 3)
  export FERRY_HOME=$work/controller FERRY_CONTROLLER=http://127.0.0.1:$http_port
  root_pin=$(ferry init --fleet packages -o json | json rootPin)
  # Not through the function above: the process that is ended is then the program itself.
  "$ferry_program" up --http-port "$http_port" --mqtt-port "$mqtt_port" --enrol-port "$enrol_port" >"$work/controller.log" 2>&1 &
  controller_pid=$!
  wait_until "the controller answers" curl -fsS "$FERRY_CONTROLLER/api/v1/health"
}

join_token() { ferry device invite "$1" -o json | json token; }

# is_online DEVICE
is_online() {
  ferry device list -o json | DEVICE=$1 node -e '
    let text = "";
    process.stdin.on("data", (part) => (text += part)).on("end", () => {
      const device = JSON.parse(text).find(({ id }) => id === process.env.DEVICE);
      process.exit(device?.online === true ? 0 : 1);
    });'
}

# To every device, as digits@VERSION; follows it to its end.
deploy_digits() {
  # The bundle is written beside the model.
  cp examples/digits/v1.1.0/model.onnx "$work/digits.onnx"
  ferry deploy "$work/digits.onnx" --name digits --samples examples/digits/samples.json --all --yes \
    --watch --timeout "${wait_seconds_max}s"
}

predict_digits() { ferry predict "$1" digits --input examples/digits/request.json -o json; }
