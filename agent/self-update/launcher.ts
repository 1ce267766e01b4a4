/**
 * The stable entry of an agent that updates itself: a shell script beside its versions. It is no part of any version, so
 * that one which does not even start can be taken back. `DESIGN.md` has its states; files of the program directory:
 *
 * - `current`, `former`: links to `versions/<name>`; which one starts, and what stands behind it.
 * - `trial`: there while `current` has yet to show that it is good; holds how often it was started.
 * - `healthy`: the version on trial serves what its former served; from here on only its end takes it back.
 * - `waiting`: what the version on trial still waits for, or why it ended, as a sentence.
 * - `taken-back`: the name of a version that was taken back, and on the second line why.
 */

/** What an agent ends with that wants to be started again, by whatever link there is then (sysexits.h: EX_TEMPFAIL). */
export const EXIT_RESTART = 75;

/** A version may be unlucky with its device (a power cut, a full memory) so often, and no more. */
export const TRIAL_STARTS_MAX = 3;

/** Loading the models of a small board takes minutes, and a broker that restarts is away for some. */
export const HEALTHY_SECONDS_MAX = 600;

/** Of the program directory; beside `versions/`. */
export const PROGRAM_FILES = {
  launcher: "launch",
  versions: "versions",
  current: "current",
  former: "former",
  base: "base",
  trial: "trial",
  healthy: "healthy",
  waiting: "waiting",
  takenBack: "taken-back",
  before: "before.json",
} as const;

/** POSIX sh with the tools of coreutils or busybox. Every file that it writes appears whole, and on the disk, or not at all. */
export const LAUNCHER = String.raw`#!/bin/sh
# Starts the version of ferry-agent that "current" points to, and takes a version on trial back that does not get well.
# Usage: launch run --dir FOLDER   (what follows is the agent's). FERRY_AGENT_HEALTHY_SECONDS: how long a version on trial
# may take until it serves what the one before it served; ${HEALTHY_SECONDS_MAX} where nothing is set.
set -u
program=$(cd "$(dirname "$(readlink -f "$0")")" && pwd -P) || exit 1
cd_back=$(pwd)
healthy_s=${"$"}{FERRY_AGENT_HEALTHY_SECONDS:-${HEALTHY_SECONDS_MAX}}
child=
watch=
stopping=
ended="its machine or its launcher ended"
counted=0
counted_of=

settle() { sync "$program" 2>/dev/null || sync; }
put() {
  printf '%s\n' "$2" >"$program/$1.new" || return 1
  sync "$program/$1.new" 2>/dev/null || sync
  mv -f "$program/$1.new" "$program/$1" && settle
}
name_of() { basename "$(readlink "$program/$1")"; }
is_there() { [ -x "$program/$1/ferry-agent" ]; }
turn_to() { ln -sfn "$(readlink "$program/$1")" "$program/current.new" && mv -fT "$program/current.new" "$program/current" && settle; }
said() { head -c 400 "$program/waiting" 2>/dev/null; }
end_trial() { rm -f "$program/trial" "$program/healthy" "$program/waiting" && settle; }
take_back() {
  # A full disk takes no reason: the way back needs no room.
  put taken-back "$(name_of current)
$1" || rm -f "$program/taken-back"
  turn_to former || return 1
  end_trial
  echo "ferry-agent: taken back to $(name_of current): $1" >&2
}
begin_trial_start() {
  starts=$(cat "$program/trial")
  case $starts in '' | *[!0-9]*) starts=0 ;; esac
  # …nor a count, which this process keeps as well.
  if [ "$counted_of" = "$(name_of current)" ] && [ "$counted" -gt "$starts" ]; then starts=$counted; fi
  if [ ! -e "$program/former" ] || [ "$(readlink "$program/current")" = "$(readlink "$program/former")" ]; then
    end_trial
  elif ! is_there current; then
    take_back "its program is not there"
  elif [ "$starts" -ge ${TRIAL_STARTS_MAX} ]; then
    take_back "it was started $starts times, and ended before it was good: $ended"
  else
    counted=$((starts + 1)) counted_of=$(name_of current)
    put trial "$counted"
    rm -f "$program/healthy" "$program/waiting"
  fi
}
# What is current and cannot be started makes way for what was before it, or for what a person installed.
find_program() {
  if is_there current; then return; fi
  for link in former base; do
    if is_there "$link"; then
      echo "ferry-agent: $(name_of current) is not there any more: starting $(name_of "$link")" >&2
      turn_to "$link"
      return
    fi
  done
}
guard() {
  (
    trap 'kill "$nap" 2>/dev/null; exit 0' TERM
    sleep "$healthy_s" &
    nap=$!
    wait "$nap"
    # Without its launcher it guards nothing: the number of the process may be another's by now.
    read -r _ _ _ parent _ </proc/self/stat
    [ "${"$"}{parent:-$$}" = "$$" ] || exit 0
    if [ ! -e "$program/healthy" ] && [ -e "$program/trial" ]; then
      : >"$program/overdue"
      kill -TERM "$1" 2>/dev/null
      sleep 10 &
      nap=$!
      wait "$nap"
      kill -KILL "$1" 2>/dev/null
    fi
  ) >/dev/null 2>&1 &
  watch=$!
}
trap 'stopping=1; [ -z "$child" ] || kill -TERM "$child" 2>/dev/null' TERM
# A terminal tells the agent by itself; told twice, it would end without answering what is in flight.
trap 'stopping=1' INT HUP

while :; do
  rm -f "$program/overdue"
  if [ -e "$program/trial" ]; then begin_trial_start; else counted=0; fi
  find_program
  running=$(readlink "$program/current") || {
    echo "ferry-agent: there is no version in $program: install one with ferry-agent install" >&2
    exit 1
  }
  cd "$cd_back" || exit 1
  FERRY_AGENT_PROGRAM=$program FERRY_AGENT_RUNNING=$(basename "$running") FERRY_AGENT_LAUNCHER=$$ "$program/$running/ferry-agent" "$@" &
  child=$!
  [ -z "$stopping" ] || kill -TERM "$child" 2>/dev/null
  [ ! -e "$program/trial" ] || guard "$child"
  while :; do
    wait "$child"
    code=$?
    kill -0 "$child" 2>/dev/null || break
  done
  child=
  [ -z "$watch" ] || kill -TERM "$watch" 2>/dev/null
  watch=
  if [ -n "$stopping" ]; then
    # Whoever stops it says nothing about it: that start does not count.
    [ ! -e "$program/trial" ] || put trial $(($(cat "$program/trial") - 1))
    exit "$code"
  fi
  if [ "$code" -eq ${EXIT_RESTART} ]; then continue; fi
  [ -e "$program/trial" ] || exit "$code"
  if [ -e "$program/overdue" ]; then
    said=$(said)
    take_back "it was not well after $healthy_s s: ${"$"}{said:-it did not even open its databases}"
  else
    said=$(said)
    ended="exit status $code${"$"}{said:+: $said}"
    [ "$code" -le 128 ] || ended="signal $((code - 128))${"$"}{said:+: $said}"
  fi
  sleep 1
done
`;
