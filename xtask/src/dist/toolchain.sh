#!/bin/bash
# toolchain.sh DEST rust|armv7|qemu...
#
# Puts Debian's own Rust with the standard library for arm64, that of armv7 (built from the source that belongs to it),
# and a qemu-user that knows serial ports into DEST, for a machine whose rustup can't have these targets. What is there is
# left alone: remove DEST to have it anew. Packages come from the mirrors that this machine's apt is set up with, through
# lists of their own: the system's lists, its architectures and rustup stay as they are. Needs no root.
set -euo pipefail

mkdir -p "$1"
DEST=$(cd "$1" && pwd)
shift
KEY=/usr/share/keyrings/debian-archive-keyring.gpg
ARMV7=armv7-unknown-linux-gnueabihf
RUST=$DEST/rust

exec 9> "$DEST/lock"
flock 9

# The address of a release's mirror.
site() {
  local address
  address=$(apt-get indextargets --format '$(CODENAME) $(REPO_URI)' | sed -n "s,^$1 ,,p" | head -1)
  if [ -z "$address" ]; then
    echo "apt has no list of $1: this needs Debian bookworm after 'apt-get update', or rustup's own target" >&2
    exit 1
  fi
  echo "$address"
}

# Lists of our own: NAME, the architectures in one word, and the sources on standard input.
lists() {
  local root=$DEST/apt-$1 architecture
  mkdir -p "$root"/etc/apt/{sources.list.d,apt.conf.d,preferences.d,trusted.gpg.d} \
    "$root"/var/lib/apt/lists/partial "$root"/var/cache/apt/archives/partial "$root"/var/lib/dpkg
  : > "$root/var/lib/dpkg/status"
  cat > "$root/etc/apt/sources.list"
  {
    echo "Dir \"$root\"; Dir::Etc \"$root/etc/apt\"; Dir::State \"$root/var/lib/apt\";"
    echo "Dir::State::status \"$root/var/lib/dpkg/status\"; Dir::Cache \"$root/var/cache/apt\";"
    echo "APT::Architecture \"amd64\"; APT::Sandbox::User \"root\";"
    echo "Acquire::Languages \"none\"; Acquire::Retries \"3\";"
    echo "APT::Architectures {"
    for architecture in $2; do echo "\"$architecture\";"; done
    echo "};"
  } > "$root/apt.conf"
  APT_CONFIG=$root/apt.conf apt-get -qq update
}

candidate() { # NAME of the lists, package
  APT_CONFIG=$DEST/apt-$1/apt.conf apt-cache policy "$2" | sed -n 's/^  Candidate: //p'
}

unpack() { # NAME of the lists, where to, packages
  local name=$1 into=$2 package bytes
  shift 2
  local config=$DEST/apt-$name/apt.conf
  bytes=$(APT_CONFIG=$config apt-get -qq --print-uris download "$@" | awk '{ sum += $3 } END { print sum + 0 }')
  echo "── downloads $# of Debian's packages, $((bytes / 1000000)) MB, into $DEST:"
  printf '     %s\n' "$@"
  mkdir -p "$into"
  rm -rf "$DEST/debs"
  mkdir "$DEST/debs"
  (cd "$DEST/debs" && APT_CONFIG=$config apt-get -qq download "$@")
  for package in "$DEST/debs"/*.deb; do dpkg -x "$package" "$into"; done
  rm -rf "$DEST/debs" "$DEST/apt-$name"
}

rust() {
  [ ! -e "$RUST/.complete" ] || return 0
  local main security version standard release minor llvm from=$DEST/unpacked
  main=$(site bookworm)
  security=$(site bookworm-security)
  lists rust "amd64 arm64" << END
deb [signed-by=$KEY] $main bookworm main
deb [signed-by=$KEY] $security bookworm-security main
END
  version=$(candidate rust rustc-web)
  standard=$(candidate rust libstd-rust-web-dev:arm64)
  if [ "$version" != "$standard" ]; then
    echo "Debian's mirrors are between two versions: rustc-web $version, its library for arm64 $standard" >&2
    exit 1
  fi
  release=${version%%[+-]*}
  minor=${release%.*}
  llvm=$(APT_CONFIG=$DEST/apt-rust/apt.conf apt-cache show "libstd-rust-web-$minor=$version" \
    | grep -o 'libllvm[0-9]*' | head -1)
  rm -rf "$from" "$RUST"
  unpack rust "$from" rustc-web="$version" cargo-web="$version" "libstd-rust-web-$minor=$version" \
    libstd-rust-web-dev="$version" libstd-rust-web-dev:arm64="$version" rust-web-src="$version" "$llvm" \
    libgit2-1.5 libhttp-parser2.9 libmbedtls14 libmbedcrypto7 libmbedx509-1 libssh2-1
  mkdir -p "$RUST/bin" "$RUST/lib"
  cp -a "$from"/usr/bin/{rustc,rustdoc,cargo} "$RUST/bin/"
  cp -a "$from"/usr/lib/x86_64-linux-gnu/*.so* "$RUST/lib/"
  cp -a "$from/usr/lib/rustlib" "$RUST/lib/"
  rm -f "$RUST/lib/rustlib/src/rust"
  mkdir -p "$RUST/lib/rustlib/src/rust"
  cp -a "$from/usr/src/rustc-$release/library" "$from/usr/src/rustc-$release/Cargo.lock" "$RUST/lib/rustlib/src/rust/"
  rm -rf "$from"
  cat > "$DEST/cargo" << END
#!/bin/sh
# Debian's cargo with Debian's rustc, whatever rustup says.
unset RUSTUP_TOOLCHAIN CARGO
export PATH="$RUST/bin:\$PATH" LD_LIBRARY_PATH="$RUST/lib" RUSTC="$RUST/bin/rustc" RUSTDOC="$RUST/bin/rustdoc"
exec "$RUST/bin/cargo" "\$@"
END
  chmod +x "$DEST/cargo"
  touch "$RUST/.complete"
}

# Debian's armhf has no package of this library that fits: it is built once, of the same version.
armv7() {
  rust
  local into=$RUST/lib/rustlib/$ARMV7/lib seed=$DEST/seed
  [ ! -e "$into/.complete" ] || return 0
  echo "── builds the standard library for armv7, once"
  rm -rf "$seed" "$into"
  mkdir -p "$seed/src"
  : > "$seed/src/lib.rs"
  printf '[package]\nname="seed"\nversion="0.0.0"\nedition="2021"\n[profile.release]\nopt-level=3\n[workspace]\n' \
    > "$seed/Cargo.toml"
  # Bitcode, as a library for link-time optimisation needs it.
  cat > "$seed/wrap" << 'END'
#!/bin/sh
rustc=$1
shift
case " $* " in
  *" --crate-name panic_abort "*) exec "$rustc" "$@" -C embed-bitcode=yes -C panic=abort ;;
  *" --crate-name "*) exec "$rustc" "$@" -C embed-bitcode=yes ;;
esac
exec "$rustc" "$@"
END
  chmod +x "$seed/wrap"
  local home=${CARGO_HOME:-$HOME/.cargo} separator=$'\x1f'
  local remap="--remap-path-prefix=$RUST/lib/rustlib/src/rust=/rust$separator--remap-path-prefix=$home=/cargo"
  (
    cd "$seed"
    RUSTC_BOOTSTRAP=1 RUSTC_WRAPPER="$seed/wrap" CARGO_TARGET_DIR="$seed/target" CARGO_ENCODED_RUSTFLAGS="$remap" \
      CARGO_TARGET_ARMV7_UNKNOWN_LINUX_GNUEABIHF_LINKER=arm-linux-gnueabihf-gcc \
      "$DEST/cargo" build --quiet -Zbuild-std=std,test,panic_abort,panic_unwind,proc_macro --release --target "$ARMV7"
  )
  mkdir -p "$into"
  cp "$seed/target/$ARMV7/release/deps/"*.rlib "$seed/target/$ARMV7/release/deps/"*.rmeta "$into/"
  rm -f "$into"/libseed*
  rm -rf "$seed"
  touch "$into/.complete"
}

# Ports need termios2, which bookworm's own qemu doesn't know.
qemu() {
  [ ! -x "$DEST/qemu/usr/bin/qemu-aarch64" ] || return 0
  local main
  main=$(site bookworm)
  lists qemu amd64 << END
deb [signed-by=$KEY] $main trixie-backports main
END
  rm -rf "$DEST/qemu-new"
  unpack qemu "$DEST/qemu-new" qemu-user
  # Of some forty machines two are wanted.
  find "$DEST/qemu-new/usr/bin" ! -type d ! -name qemu-aarch64 ! -name qemu-arm -delete
  rm -rf "$DEST/qemu"
  mv "$DEST/qemu-new" "$DEST/qemu"
}

for part in "$@"; do
  case $part in
    rust | armv7 | qemu) "$part" ;;
    *) echo "toolchain.sh: there is no part $part" >&2; exit 2 ;;
  esac
done
