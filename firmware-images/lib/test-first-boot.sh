# Sourced by firmware-images/test: what an image's first start does with the file on its boot partition, without an image around it.
# Expects `agent`, the agent's executable, and what lib/test-fleet.sh has set up.

boot=$work/boot
boot_env=$boot/ferry-agent.env
image=$work/board.json
joining=$work/joining
image_root=firmware-images/lib/root
# What cannot heal ends within a second; what can is watched for its first try and the next.
first_boot_seconds_max=30

first_boot() {
  timeout "$first_boot_seconds_max" "$agent" first-boot --file "$boot_env" --board "$image" --dir "$joining" >"$work/first-boot.log" 2>&1
}

# write_boot_file LINE…: with Windows' line ends, as people write it there.
write_boot_file() {
  rm -rf "$boot" && mkdir -p "$boot" && printf '%s\r\n' "$@" >"$boot_env"
}

says() {
  cat "$work/first-boot.log"
  grep -qF -- "$1" "$work/first-boot.log"
}

# refuses "sentence": it ends by itself, says so, and leaves nothing for an agent to start from.
refuses() {
  local code=0
  first_boot || code=$?
  says "$1" && [ "$code" != 0 ] && [ "$code" != 124 ] && ! [ -e "$joining/agent.json" ]
}

# with_token CHANGE: the token with its fields changed by a line of JavaScript.
with_token() {
  node -e '
    const [prefix, body] = process.argv[1].split(".");
    const token = JSON.parse(Buffer.from(body, "base64url"));
    eval(process.argv[2]);
    console.log(`${prefix}.${Buffer.from(JSON.stringify(token)).toString("base64url")}`);
  ' "$token" "$1"
}

# waits_for "sentence" MORE…: it says why it has not joined, that it tries again, and does until it is stopped; then MORE must join it.
waits_for() {
  local pid sentence=$1
  shift
  : >"$work/first-boot.log"
  first_boot &
  pid=$!
  if ! wait_until "it says: $sentence" grep -qF -- "$sentence" "$work/first-boot.log" || ! wait_until "it tries again" grep -q "Trying again in" "$work/first-boot.log"; then
    kill "$pid" 2>/dev/null || true
    says "$sentence"
    return 1
  fi
  if [ $# = 0 ]; then
    kill "$pid" && ! [ -e "$joining/agent.json" ]
  else
    "$@" && wait "$pid" && says "has joined the fleet"
  fi
}

fill_card() {
  mkdir -p "$joining" && mount -t tmpfs -o size=8k,mode=700 tmpfs "$joining"
}

make_room() { mount -o remount,size=1m "$joining"; }

erases_token() {
  "$image_root"/usr/lib/ferry-image/erase-token "$boot_env" "$joining"
  ! grep -q mfj1 "$boot_env" && grep -q "FERRY_ROOT_PIN=$root_pin" "$boot_env"
}

stays_joined() {
  first_boot && says "has joined already"
}

check_first_boot() {
  local token other_board=x86 agent=$dist/linux-$here/ferry-agent/ferry-agent pin=FERRY_ROOT_PIN=$root_pin
  token=$(join_token first-boot)
  printf '{"name":"arm64"}\n' >"$image"
  rm -rf "$boot"
  check "no file: it says where one belongs" refuses "Cannot read ferry-agent.env on the boot partition"
  write_boot_file "FERRY_TOKEN=" "$pin"
  check "no token" refuses "cannot be used: it has no FERRY_TOKEN"
  write_boot_file "FERRY_TOKEN=$token"
  check "no root pin: nobody is believed" refuses "cannot be used: it has no FERRY_ROOT_PIN"
  write_boot_file "FERRY_TOKEM=$token" "$pin"
  check "a misspelt key is named" refuses 'line 1 names "FERRY_TOKEM"'
  write_boot_file "FERRY_TOKEN=${token:0:40}" "$pin"
  check "half of a token" refuses "The join token cannot be used"
  write_boot_file "FERRY_TOKEN=$(with_token 'token.secret = "A".repeat(43)')" "$pin"
  check "a token that was never given out" refuses "The controller refused: no such token was given out here"
  write_boot_file "FERRY_TOKEN=$token" "FERRY_ROOT_PIN=$(printf '0%.0s' {1..64})"
  check "the root pin of another fleet: nothing of this one is kept" refuses "another root than the one that you named"
  write_boot_file "FERRY_BOARD=$other_board" "FERRY_TOKEN=$token" "$pin"
  check "a file that was written for another board" refuses "was written for $other_board, and this is the image for arm64"
  printf '{"name":"raspberry-pi","compatible":["raspberrypi,"]}\n' >"$image"
  write_boot_file "FERRY_TOKEN=$token" "$pin"
  check "an image in another machine than it is for" refuses "This image is for raspberry-pi, and this machine is"
  printf '{"name":"arm64"}\n' >"$image"
  write_boot_file "FERRY_TOKEN=$(with_token 'token.url = "https://127.0.0.1:1"')" "$pin"
  check "no controller: it says so, and tries again" waits_for "This device has not joined yet: Cannot enrol at https://127.0.0.1:1"
  write_boot_file "FERRY_TOKEN=$(with_token 'token.ca = "0".repeat(64)')" "$pin"
  check "somebody else in the controller's place: nothing is said to it, and it tries again" waits_for "is not the controller that you were sent to"
  write_boot_file "FERRY_TOKEN=$token" "$pin"
  if is_root && fill_card; then
    check "a full card: it says so, tries again, and joins when there is room" waits_for "The card is full" make_room
  else
    skip "a full card" "that takes root"
    check "it joins" first_boot
  fi
  check "joined once, it stays so" stays_joined
  check "the token is erased from the boot partition, the rest is kept" erases_token
  ! mountpoint --quiet "$joining" || umount "$joining"
}
