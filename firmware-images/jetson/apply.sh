#!/usr/bin/env bash
# Puts the agent into the root file system of your own Jetson Linux (L4T), before you flash it with NVIDIA's tools.
#
#   sudo firmware-images/jetson/apply.sh Linux_for_Tegra/rootfs [--deb ferry-agent_VERSION_arm64.deb] [--boot-file ferry-agent.env]
#
# --deb        the agent's package (default: the newest dist/ferry-agent_*_arm64.deb)
# --boot-file  token and root pin, as on an image's boot partition: the device joins by it at its first start
#
# Nothing of NVIDIA's is changed. Running it again replaces what it put there.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
# What the agent's executable is linked against; JetPack 6 (Ubuntu 22.04) has 2.35, JetPack 5 (Ubuntu 20.04) 2.31.
glibc_min=2.34

say() { printf '%s\n' "$*" >&2; }
fail() {
  say "$@"
  exit 1
}
usage() {
  sed -n '2,/^set/{s/^# \{0,1\}//p}' "$0" >&2
  exit 2
}

root='' deb='' boot_file=''
while [ $# -gt 0 ]; do
  case $1 in
    --deb | --boot-file)
      [ $# -ge 2 ] || usage
      if [ "$1" = --deb ]; then deb=$2; else boot_file=$2; fi
      shift 2
      ;;
    -*) usage ;;
    *)
      [ -z "$root" ] || usage
      root=$1
      shift
      ;;
  esac
done
[ -n "$root" ] || usage

# Everything is looked at before anything is changed.
root=$(readlink -e "$root") || fail "There is no such folder: it is NVIDIA's Linux_for_Tegra/rootfs, unpacked."
[ "$root" != / ] || fail "That is this machine's own root. On the device itself: apt install ./ferry-agent_VERSION_arm64.deb"
if ! [ -x "$root/usr/bin/dpkg" ]; then
  fail "$root holds no Debian or Ubuntu system." "Unpack NVIDIA's sample root file system into Linux_for_Tegra/rootfs first, and run its apply_binaries.sh."
fi
architecture=$(cat "$root/var/lib/dpkg/arch" 2>/dev/null || true)
# The file is there only where somebody added an architecture: the programs themselves say it.
machine=$(od -An -t u2 -j 18 -N 2 "$root/usr/bin/dpkg" | tr -d ' ')
[ "$machine" = 183 ] || fail "$root is not for arm64${architecture:+ ($architecture)}: a Jetson needs an arm64 root file system."
glibc=$(sed -n '/^Package: libc6$/,/^$/s/^Version: \([0-9]*\.[0-9]*\).*/\1/p' "$root/var/lib/dpkg/status" | head -1)
if [ -z "$glibc" ] || [ "$(printf '%s\n' "$glibc_min" "$glibc" | sort -V | head -1)" != "$glibc_min" ]; then
  fail "$root has glibc ${glibc:-of an unknown version}; the agent needs $glibc_min or newer." \
    "JetPack 6 has it (Ubuntu 22.04, glibc 2.35). JetPack 5 and older do not, and nothing was changed: use JetPack 6."
fi
if [ -z "$deb" ]; then
  deb=$(find "$top/dist" -maxdepth 1 -name 'ferry-agent_*_arm64.deb' 2>/dev/null | sort -V | tail -1)
  [ -n "$deb" ] || fail "There is no ferry-agent_VERSION_arm64.deb in dist/: name it with --deb, or build it (firmware-images/deb/build)."
fi
[ "$(dpkg-deb --field "$deb" Package Architecture 2>/dev/null | sed 's/.*: //' | xargs)" = "ferry-agent arm64" ] ||
  fail "$deb is not the agent's package for arm64."
[ -z "$boot_file" ] || [ -f "$boot_file" ] || fail "There is no $boot_file."
if [ "$(uname -m)" != aarch64 ] && ! [ -e /proc/sys/fs/binfmt_misc/qemu-aarch64 ]; then
  fail "Programs for arm64 do not run on this machine yet." "Install the emulator: apt-get install qemu-user-static binfmt-support (it registers itself)."
fi
[ "$(id -u)" = 0 ] || fail "The files in $root are root's: run this with sudo."

say "The agent: $deb"
install -m 644 "$deb" "$root/ferry-agent.deb"
policy=$root/usr/sbin/policy-rc.d
[ ! -e "$policy" ] || fail "$policy is there already: something else is at work in $root."
trap 'rm -f "$root/ferry-agent.deb" "$policy"' EXIT
printf '#!/bin/sh\nexit 101\n' >"$policy"
chmod 755 "$policy"
# shellcheck disable=SC2016  # expanded by the inner shell
unshare --mount sh -c 'mount -t proc proc "$0/proc" && exec chroot "$0" dpkg --install /ferry-agent.deb' "$root" >&2

say "Access to the GPU for its service"
# From the package itself: a root file system may be set up to leave documentation out.
drop_in=$root/etc/systemd/system/ferry-agent.service.d
mkdir -p "$drop_in"
dpkg-deb --fsys-tarfile "$deb" | tar -xO ./usr/share/doc/ferry-agent/examples/gpu.conf >"$drop_in/gpu.conf"
for group in video render; do
  grep -q "^$group:" "$root/etc/group" || chroot "$root" groupadd --system "$group"
done

say "Joining at the first start"
lib=$top/firmware-images/lib/root
install -D -m 755 -t "$root/usr/lib/ferry-image" "$lib/usr/lib/ferry-image/erase-token"
printf '{"name":"jetson","compatible":["nvidia,"]}\n' >"$root/usr/lib/ferry-image/board.json"
install -D -m 644 -t "$root/usr/lib/systemd/system" "$lib/usr/lib/systemd/system/ferry-first-boot.service"
mkdir -p "$root/etc/systemd/system/multi-user.target.wants"
ln -sf /usr/lib/systemd/system/ferry-first-boot.service "$root/etc/systemd/system/multi-user.target.wants/"
install -m 644 -t "$drop_in" "$lib/etc/systemd/system/ferry-agent.service.d/image.conf"
install -d -m 700 "$root/boot/firmware"
install -m 600 "${boot_file:-$top/firmware-images/lib/ferry-agent.env}" "$root/boot/firmware/ferry-agent.env"

say "Checking that the agent works in it (emulated; some seconds)"
# shellcheck disable=SC2016
unshare --mount sh -c 'mount -t proc proc "$0/proc" && exec env -i PATH="$PATH" chroot "$0" /usr/lib/ferry-agent/ferry-agent --version' "$root"
say "Done. Flash it as you always do. Where $root/boot/firmware/ferry-agent.env holds no token yet, fill it in first."
